"""A step as the method says it, slowly: each layer and each sum written out, nothing of the package used.

From the description of the networks, the losses and the optimiser alone. All in the precision of the weights
that it is given; nothing is fused, kept or shared. f runs again in the backward pass, for want of memory.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

Weights = dict[str, Tensor]
"""Parameters by the names of the state dicts; all with a gradient."""


@dataclass
class Samples:
    """A set of a mini-batch.

    Attributes:
        patch: (B, 1, P, P).
        joints: (B, J, 3).
        labelled: Indices of those whose label counts.
        centre: What g is told, in mm, (B, 3).
        target: What g shall draw, (B, 1, P, P).
        pair: For each sample the index of its synthetic pair, None without one.
    """

    patch: Tensor
    joints: Tensor
    labelled: list[int] = field(default_factory=list)
    centre: Tensor | None = None
    target: Tensor | None = None
    pair: list[int | None] = field(default_factory=list)


@dataclass
class ReferenceStep:
    """Losses of a step, and the step of h.

    Attributes:
        network, discriminator: Parameters of f, m, p and g, and of h.
        blocks: Residual blocks of each stage of f.
        published: Whether the quirks of the published code: affine blocks, h first and no factors 1/2, and a
            mean for the labels of the view-prediction set.
        rate, decay: Of Adam.
        factors: lambda_c, lambda_g, lambda_m.
    """

    network: Weights
    discriminator: Weights
    published: bool
    blocks: int = 5
    rate: float = 3.3e-4
    decay: float = 1e-3
    factors: tuple[float, float, float] = (0.2, 1e-4, 1e-5)

    def losses(self, sets: dict[str, Samples]) -> dict[str, Tensor]:
        """All losses, by the names of the curves; gradients of f, m, p and g are those of "total".

        Those of h are in the discriminator's weights when this returns.
        """
        features = {name: checkpoint(self.f, own.patch, use_reentrant=False) for name, own in sets.items()}
        z = {
            name: torch.relu(self.m(own) if name.endswith("real") else own) for name, own in features.items()
        }
        pose = torch.zeros(()).to(self.network["extractor.stem.weight"])
        for name, own in sets.items():
            predicted = self.p(z[name])[0] if own.labelled else None
            squares = [((own.joints[k] - predicted[k]) ** 2).sum() for k in own.labelled]
            if name == "views_real" and self.published and squares:
                elements = len(squares) * own.joints[0].numel()
                pose = pose + len(own.patch) * sum(squares) / elements
            elif squares:
                pose = pose + sum(squares)

        correspondence = 0.0
        for real, synthetic in (("labelled_real", "pairs"), ("views_real", "views_synthetic")):
            for k, pair in enumerate(sets[real].pair):
                if pair is not None:
                    difference = z[synthetic][pair].detach() - z[real][k]
                    correspondence = correspondence + (difference**2).sum()

        view = 0.0
        for name in ("views_real", "views_synthetic"):
            own = sets[name]
            drawn = self.g(self.p(z[name])[1], own.centre)
            for k in range(len(own.patch)):
                view = view + (own.target[k] - drawn[k]).abs().sum()

        half = 1.0 if self.published else 0.5
        real, synthetic = (z[f"unlabelled_{domain}"].detach() for domain in ("real", "synthetic"))
        scores = self.h(real), self.h(synthetic)
        judged = half * sum((score - 1) ** 2 for score in scores[0])
        judged = judged + half * sum((score - 0) ** 2 for score in scores[1])
        judged.backward()
        if self.published:
            self.step_of_h()
        # The gradient of this loss ends at m.
        mapped = torch.relu(self.m(features["unlabelled_real"].detach()))
        fixed = {name: value.detach() for name, value in self.discriminator.items()}
        mapping = half * sum((score - 0) ** 2 for score in self.h(mapped, fixed))

        c, g, m = self.factors
        total = pose + c * correspondence + g * view + m * mapping
        total.backward()
        return {
            "total": total, "pose": pose, "correspondence": correspondence, "view": view, "mapping": mapping,
            "discriminator": judged,
        }  # fmt: skip

    @torch.no_grad()
    def step_of_h(self) -> None:
        """The first step of Adam with plain L2: its moments are the gradient and the gradient's square."""
        for value in self.discriminator.values():
            if value.grad is None:  # a layer without effect, whose decay has none, too
                continue
            gradient = value.grad + self.decay * value
            value -= self.rate * gradient / ((gradient**2).sqrt() + 1e-8)

    def linear(self, x: Tensor, name: str, weights: Weights | None = None) -> Tensor:
        own = self.network if weights is None else weights
        return x @ own[f"{name}.weight"].T + own[f"{name}.bias"]

    def norm(self, x: Tensor, name: str) -> Tensor:
        """Of the batch: mean and biased variance of each channel, which for float32 are summed in float64."""
        mean = x.double().mean(dim=(0, 2, 3), keepdim=True)
        variance = ((x.double() - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)
        normal = (x - mean.to(x)) / torch.sqrt(variance + 1e-5).to(x)
        weight, bias = (self.network[f"{name}.{kind}"][None, :, None, None] for kind in ("weight", "bias"))
        return normal * weight + bias

    def convolution(self, x: Tensor, name: str, stride: int = 1) -> Tensor:
        kernel = self.network[f"{name}.weight"]
        return functional.conv2d(x, kernel, stride=stride, padding=kernel.shape[-1] // 2)

    def f(self, patch: Tensor) -> Tensor:
        x = functional.max_pool2d(self.convolution(patch, "extractor.stem"), 2)
        for stage in range(4):
            for block in range(self.blocks):
                name, stride = f"extractor.stages.{stage}.{block}", 2 if block == 0 else 1
                y = torch.relu(self.norm(self.convolution(x, f"{name}.conv1"), f"{name}.bn1"))
                y = torch.relu(self.norm(self.convolution(y, f"{name}.conv2", stride), f"{name}.bn2"))
                y = self.norm(self.convolution(y, f"{name}.conv3"), f"{name}.bn3")
                if block == 0:
                    x = self.convolution(x, f"{name}.downsample.0", stride)
                    x = self.norm(x, f"{name}.downsample.1")
                x = torch.relu(x + y)
        x = torch.relu(self.norm(x, "extractor.norm"))
        return self.linear(x.reshape(len(x), -1), "extractor.features")

    def m(self, features: Tensor) -> Tensor:
        return self.residual(features, "mapping.blocks", self.network)

    def h(self, z: Tensor, weights: Weights | None = None) -> Tensor:
        weights = self.discriminator if weights is None else weights
        return self.linear(self.residual(z, "blocks", weights), "score", weights)[:, 0]

    def residual(self, x: Tensor, name: str, weights: Weights) -> Tensor:
        for block in range(2):
            inner = x
            if not self.published:
                inner = torch.relu(self.linear(x, f"{name}.{block}.first", weights))
            x = x + self.linear(inner, f"{name}.{block}.second", weights)
        return x

    def p(self, z: Tensor) -> tuple[Tensor, Tensor]:
        hidden = torch.relu(self.linear(z, "pose_head.hidden"))
        return self.linear(hidden, "pose_head.joints").reshape(len(z), -1, 3), hidden

    def g(self, hidden: Tensor, centre: Tensor) -> Tensor:
        """The condition: depth 50..1500 mm to [-1, 1], x and y by the same factor."""
        told = (centre - torch.tensor([0.0, 0.0, 775.0]).to(centre)) / 725
        x = torch.cat([hidden, told.clamp(-1, 1)], dim=1)[:, :, None, None]
        for layer in range(5):
            kernel = self.network[f"view_generator.layers.{3 * layer}.weight"]
            stride, padding = (1, 0) if layer == 0 else (2, 1)
            x = functional.conv_transpose2d(x, kernel, stride=stride, padding=padding)
            if layer < 4:
                x = functional.leaky_relu(self.norm(x, f"view_generator.layers.{3 * layer + 1}"), 0.2)
        return torch.tanh(functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True))
