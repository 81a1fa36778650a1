"""A trained network run by PyTorch."""

from pathlib import Path

import torch

from murauer.errors import UserError
from murauer.geometry.patches import Floats
from murauer.geometry.skeletons import find_skeleton
from murauer.nets.deployed import Deployed
from murauer.nets.model_facts import ModelFacts
from murauer.nets.model_file import load_model


class TorchBackend:
    """f, m and p of a run folder or a model file.

    Args:
        source: "default", a run folder or a .safetensors file.
        device: To run on, such as "cuda".

    Raises:
        UserError: The file is missing, damaged or of another configuration, or there is no such device.
    """

    def __init__(self, source: str | Path, device: str = "cpu") -> None:
        network, config = load_model(source)
        skeleton = find_skeleton(config.skeleton)
        if config.sizes.joints != len(skeleton):
            raise UserError(
                f"{source} predicts {config.sizes.joints} joints, but the skeleton {skeleton.name} has "
                f"{len(skeleton)}"
            )
        self.facts = ModelFacts(
            skeleton,
            config.cube_mm,
            config.sizes.patch_size,
            dense=config.dense is not None,
            box=config.sizes.box,
        )
        try:
            self._network = Deployed(network).to(device)
        except (RuntimeError, AssertionError) as error:
            raise UserError(f"cannot run on {device}: {error}") from error
        self._device = device

    def __call__(self, patches: Floats) -> Floats:
        """Predict joints, see `Backend`."""
        with torch.inference_mode():
            joints: torch.Tensor = self._network(torch.from_numpy(patches)[:, None].to(self._device))
            return joints.cpu().numpy()
