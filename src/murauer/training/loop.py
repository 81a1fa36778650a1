"""Training: draw a batch, forward, losses, a step of f, m, p and g, a step of h, log, checkpoint.

Pre-training is the same loop over other batches, without h, and with a g that only watches.
"""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from torch import Tensor, nn
from torch.optim import Optimizer

from murauer.nets.deployed import AnyNetwork
from murauer.provenance import Provenance, provenance
from murauer.training.batch import Batch
from murauer.training.checkpoint import continued, load_checkpoint, save_checkpoint
from murauer.training.config import Config
from murauer.training.device import keep_freed_memory, networks_in, prefetched, steps_ahead
from murauer.training.ema import average_of
from murauer.training.forward import ForwardPass, forward_pass
from murauer.training.interruption import signals_put_off
from murauer.training.log import TrainingLog
from murauer.training.loss_terms import discriminator, loss_factors, losses_of
from murauer.training.optimisation import adam, add_up, set_rate
from murauer.training.parallel import leads, share_statistics, wait_for_all
from murauer.training.plan import Plan
from murauer.training.schedule import make_schedule

CHECKPOINT_SECONDS = 300.0  # after which a checkpoint is due, however many steps there were


class Training:
    """f, m, p and g, and h against them, while they are trained.

    Args:
        network: f, m, p and g, with the sizes of `config`.
        config: Learning rate, decays, loss weights, precision, number of steps.
        discriminator: h; None where the variant does not match distributions.
        pretraining: Whether this is the pre-training: its rate and length, and a g that only watches.

    Attributes:
        average: Moving average of the network.
        modules, optimisers: What a checkpoint keeps, by name.
    """

    def __init__(
        self,
        network: AnyNetwork,
        config: Config,
        discriminator: nn.Module | None = None,
        pretraining: bool = False,
    ) -> None:
        own = config.training
        self.network, self.discriminator = network.train(), discriminator
        self.settings, self.pretraining = own, pretraining
        self.device = next(network.parameters()).device
        self.rate = own.pretraining_learning_rate if pretraining else own.learning_rate
        self.iterations = own.pretraining_iterations if pretraining else own.joint_iterations
        self.factors = loss_factors(config.loss_weights.scaled(config.sizes))
        share_statistics(network)
        self.average = average_of(network, own.ema_decay)
        self.modules: dict[str, nn.Module] = {"network": network, "average": self.average}
        self.optimisers: dict[str, Optimizer] = {"network": adam(network.parameters(), self.rate, config)}
        if discriminator is not None:
            share_statistics(discriminator)
            self.modules["discriminator"] = discriminator
            self.optimisers["discriminator"] = adam(discriminator.parameters(), self.rate, config)

    def step(self, *parts: Batch) -> dict[str, Tensor]:
        """Make a step with all parts of a mini-batch, Eqs. (1) and (12); the losses before it."""
        shown: Iterable[ForwardPass] = map(self._show, parts)
        judged: dict[str, Tensor] = {}
        if self.discriminator is not None and self.settings.step.discriminator == "first":
            shown = list(shown)
            judged = self._judge(self.discriminator, [seen.compared() for seen in shown])
        sums, compared = self._learn(shown)
        if self.discriminator is not None and not judged:
            judged = self._judge(self.discriminator, compared)
        return sums | judged

    def _show(self, batch: Batch) -> ForwardPass:
        """What f, m and p make of a part of a mini-batch."""
        with networks_in(self.settings.precision, self.device.type):
            return forward_pass(self.network, self.discriminator, batch, self.settings, self.pretraining)

    def _learn(self, parts: Iterable[ForwardPass]) -> tuple[dict[str, Tensor], list[tuple[Tensor, Tensor]]]:
        """A step of f, m, p and g, Eq. (1), a part after the other; also returns what h is to compare."""
        losses, compared = [], []
        self.optimisers["network"].zero_grad()
        for seen in parts:
            with networks_in(self.settings.precision, self.device.type):
                losses.append(losses_of(seen, self.factors))
            losses[-1]["total"].backward()
            if self.discriminator is not None:
                compared.append(seen.compared())
        sums = add_up(losses, self.network)
        self.optimisers["network"].step()
        self.average.update(self.network)
        return sums, compared

    def _judge(self, h: nn.Module, compared: list[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """A step of h, Eq. (12), with z of real and synthetic samples of all parts."""
        losses, factor = [], self.settings.step.adversarial_factor
        self.optimisers["discriminator"].zero_grad()
        for real, synthetic in compared:
            with networks_in(self.settings.precision, self.device.type):
                losses.append({"discriminator": discriminator(h, real, synthetic, factor)})
            losses[-1]["discriminator"].backward()
        sums = add_up(losses, h)
        self.optimisers["discriminator"].step()
        return sums

    def run(
        self,
        name: str,
        draw: Callable[[int], list[Batch]],
        checkpoint: Path,
        identity: str,
        plan: Plan,
        made: Provenance | None = None,
    ) -> Provenance:
        """Make all steps, or those that are left; Ctrl-C and SIGTERM end it with a checkpoint.

        Args:
            name: Name of the stage, shown with the progress and in the log.
            draw: Gives the own parts of the mini-batch of a step.
            checkpoint: File of the resumable state; the log for TensorBoard is in the folder `log` beside it.
            identity: Text that says what is trained; a checkpoint of another identity is refused.
            plan: Has the stage among all.
            made: Provenance of the training.

        Returns:
            The same with what was before the training was stopped.

        Raises:
            UserError: A loss is not finite; the last checkpoint stays as it was.
            KeyboardInterrupt: It was stopped.
        """
        keep_freed_memory()
        schedule = make_schedule(self.settings.schedule, self.iterations)
        start = load_checkpoint(checkpoint, self.modules, self.optimisers, identity)
        made = continued(checkpoint, made or provenance(self.device), self.iterations - start)
        wait_for_all()  # before one of them writes a checkpoint, all have read the last one
        with (
            prefetched(draw, self.iterations, steps_ahead(self.device)) as batches,
            TrainingLog(name, checkpoint.parent / "log", start, plan) as losses,
            signals_put_off() as stopped,
        ):
            saved = time.monotonic()
            for step in range(start, self.iterations):
                rate = self.rate * schedule(step)
                set_rate(self.optimisers.values(), rate)
                of_step = self.step(*batches(step))
                due = (step + 1) % self.settings.checkpoint_every == 0 or step + 1 == self.iterations
                due = due or time.monotonic() - saved > CHECKPOINT_SECONDS or stopped()
                losses.add(step, of_step, rate, read=due)
                if due and leads():
                    save_checkpoint(checkpoint, self.modules, self.optimisers, identity, step + 1, made)
                    saved = time.monotonic()
                    if stopped():
                        break
        return made
