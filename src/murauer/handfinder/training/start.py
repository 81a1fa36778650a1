"""Reads the networks of a hand finder back from ONNX, so that a training can start from them.

The exporter folds normalisation after a convolution into the convolution. Its means and deviations are
measured again, on some images, so that the network computes the same and can be trained on.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from murauer.errors import UserError
from murauer.nets.onnx_export import HALF

WRAPPED = "refinement."
"""What `MirroredRefinement` adds to names."""


def start_from(network: nn.Module, path: Path, images: Tensor) -> None:
    """Give a network the weights that were written.

    Args:
        network: Changed in place; left in evaluation mode.
        path: ONNX file that `write_proposal` or `write_refinement` made of such a network.
        images: Some of the inputs that it is trained with.

    Raises:
        UserError: The file does not exist, or does not hold these weights.
    """
    import onnx  # extra
    from onnx.numpy_helper import to_array  # extra

    if not path.exists():
        raise UserError(f"{path} does not exist; --start takes a folder with the networks of a hand finder")
    written = {
        tensor.name.removeprefix(WRAPPED).removesuffix(HALF): torch.from_numpy(to_array(tensor).copy())
        for tensor in onnx.load(path).graph.initializer
    }
    folded = []
    for name, part in network.named_modules():
        bias = written.get(f"{name.removesuffix('1')}0.weight_bias")
        if isinstance(part, nn.BatchNorm2d) and bias is not None:
            folded.append(part)
            nothing = {key: value for key, value in part.state_dict().items() if value.ndim}
            written |= {f"{name}.{key}": bias if key == "bias" else value for key, value in nothing.items()}
    needed = {name: value for name, value in network.state_dict().items() if value.ndim}
    for name, value in needed.items():
        if name not in written or written[name].shape != value.shape:
            raise UserError(
                f"{path} holds no weights {name} of shape {tuple(value.shape)}; leave --start away"
            )
    network.load_state_dict({name: written[name] for name in needed}, strict=False)
    hooks = [norm.register_forward_pre_hook(_unfold) for norm in folded]
    with torch.no_grad():
        network.eval()(images)
    for hook in hooks:
        hook.remove()


def _unfold(norm: nn.Module, inputs: tuple[Tensor]) -> None:
    """Give a folded normalisation the statistics of its input, and weights that undo them."""
    assert isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None and norm.running_var is not None
    variance, mean = torch.var_mean(inputs[0], (0, 2, 3), correction=0)
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.copy_((variance + norm.eps).sqrt())
    norm.bias.add_(mean)
