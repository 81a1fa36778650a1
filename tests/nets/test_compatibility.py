import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from murauer.errors import UserError
from murauer.nets.compatibility import PUBLISHED
from murauer.nets.network import HandPoseNetwork, make_discriminator
from murauer.nets.published_weights import load_published_weights


def layout(shared_dir) -> tuple[list[tuple[str, list[int]]], list[tuple[str, list[int]]]]:
    """Names and shapes of the published network and of its discriminator, in order."""
    text = (shared_dir / "data" / "golden" / "published_state_dict.txt").read_text()
    tables = []
    for part in text.split("DISC\n"):
        rows = [line.split(" ", 2) for line in part.splitlines()]
        assert [int(row[0]) for row in rows] == list(range(len(rows)))
        tables.append(
            [(name, [int(n) for n in shape.strip("[]").split(",") if n]) for _, name, shape in rows]
        )
    return tables[0], tables[1]


def fill(table) -> dict[str, torch.Tensor]:
    """The fixture's exact fill rule."""
    state = {}
    for k, (name, shape) in enumerate(table):
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(0)
            continue
        elements = int(np.prod(shape))
        i = np.arange(elements, dtype=np.int64) % 10007
        r = ((31 * i**2 + 7919 * i + 104729 * k) % 10007) / 10007 - 0.5
        if len(shape) >= 2:
            value = r * np.sqrt(12 / (elements / shape[0]))
        elif name.endswith("running_var"):
            value = 1 + 0.4 * r
        elif name.endswith("weight"):
            value = 1 + 0.2 * r
        else:
            value = 0.2 * r
        state[name] = torch.from_numpy(value.astype(np.float32).reshape(shape))
    return state


@pytest.fixture(scope="module")
def published(shared_dir, tmp_path_factory):
    """Network and discriminator with the fixture's weights, which went through files of both formats."""
    folder = tmp_path_factory.mktemp("published")
    network_state, discriminator_state = map(fill, layout(shared_dir))
    assert len(network_state) == 431
    save_file(network_state, folder / "network.safetensors")
    torch.save(discriminator_state, folder / "discriminator.pt")
    network, discriminator = HandPoseNetwork(PUBLISHED).eval(), make_discriminator(PUBLISHED).eval()
    load_published_weights(network, folder / "network.safetensors")
    load_published_weights(discriminator, folder / "discriminator.pt")
    return network, discriminator


def assert_close(actual: torch.Tensor, golden: np.ndarray) -> None:
    """Within 1e-4 of the golden values, relative to the largest."""
    difference = np.abs(actual.numpy().reshape(golden.shape) - golden).max()
    assert difference <= 1e-4 * np.abs(golden).max()


@pytest.mark.parametrize(("prefix", "real"), [("nomap", False), ("map", True)])
def test_forward_fixture(published, shared_dir, prefix, real):
    network, discriminator = published
    golden = np.load(shared_dir / "data" / "golden" / "g_parity_B.npz")
    taps = {
        "maxpool": network.extractor.stem,
        **{f"layer{i + 1}": stage for i, stage in enumerate(network.extractor.stages)},
        "bn_res": network.extractor.norm,
        "fc1": network.extractor.features,
        "fc2": network.pose_head.hidden,
    }
    if real:
        taps["mappinglayer"] = network.mapping
    outputs: dict[str, torch.Tensor] = {}
    hooks = [
        module.register_forward_hook(lambda _, __, output, name=name: outputs.update({name: output.clone()}))
        for name, module in taps.items()
    ]
    # The fixture holds the condition of g as normalised numbers; back to mm.
    centre_mm = torch.from_numpy(golden["com"]) * 725 + torch.tensor([0.0, 0.0, 775.0])
    with torch.no_grad():
        stem = network.extractor.stem
        outputs["conv1"] = functional.conv2d(torch.from_numpy(golden["x"]), stem.weight, padding=2)
        latent = network.latent(torch.from_numpy(golden["x"]), real)
        pose = network.pose(latent)
        view = network.view(pose.hidden, centre_mm)
        scores = discriminator(latent)
    for hook in hooks:
        hook.remove()
    assert_close(latent, golden[f"{prefix}_emb"])
    assert_close(pose.joints, golden[f"{prefix}_pose"])
    assert_close(view, golden[f"{prefix}_prev"])
    assert_close(scores, golden[f"{prefix}_disc"])
    expected = {key for key in golden.files if key.startswith(f"{prefix}_tap_")}
    assert expected == {f"{prefix}_tap_{name}_{kind}" for name in outputs for kind in ("mean", "absmean")}
    for name, output in outputs.items():
        absolute_mean = golden[f"{prefix}_tap_{name}_absmean"]
        assert output.abs().mean().item() == pytest.approx(float(absolute_mean), rel=1e-4)
        # A mean of positive and negative numbers can be near zero: relative to their size.
        tolerance = 1e-4 * float(absolute_mean)
        assert output.mean().item() == pytest.approx(
            float(golden[f"{prefix}_tap_{name}_mean"]), abs=tolerance
        )


def test_published_blocks_are_affine(published):
    network, _ = published
    a, b = torch.randn(2, 1, 1024, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        together = network.mapping(a + b) + network.mapping(0 * a)
        apart = network.mapping(a) + network.mapping(b)
    torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-3)


class Trojan:
    """Pickles into a call that a loader must not make."""

    def __reduce__(self):
        return (print, ("executed",))


def write_text(path, state):
    path.write_text("these are not weights")


def write_nothing(path, state):
    path.write_bytes(b"")


def write_half(path, state):
    torch.save(state, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def write_code(path, state):
    torch.save({"score.weight": Trojan()}, path)


def write_network(path, state):
    torch.save(make_discriminator(PUBLISHED), path)


def write_list(path, state):
    torch.save([torch.zeros(1)], path)


def write_missing(path, state):
    torch.save({k: v for k, v in state.items() if k != "fc.bias"}, path)


def write_unknown(path, state):
    torch.save(state | {"another.weight": torch.zeros(1)}, path)


def write_wrong_shape(path, state):
    torch.save(state | {"fc.bias": torch.zeros(2)}, path)


def write_nan(path, state):
    torch.save(state | {"fc.bias": torch.full((1,), torch.nan)}, path)


@pytest.mark.parametrize(
    ("name", "write", "complaint"),
    [
        ("a.pt", write_text, "damaged or holds more than tensors"),
        ("a.safetensors", write_text, "damaged or holds more than tensors"),
        ("b.pt", write_nothing, "damaged or holds more than tensors"),
        ("b.safetensors", write_nothing, "damaged or holds more than tensors"),
        ("c.pt", write_half, "damaged or holds more than tensors"),
        ("d.pt", write_code, "holds an object of .*print': code"),
        ("j.pth", write_network, "holds an object of 'murauer.nets.discriminator.Discriminator': code"),
        ("e.pt", write_list, "no plain state dict"),
        ("f.pt", write_missing, "'fc.bias' is missing"),
        ("g.pt", write_unknown, "'another.weight' is unknown"),
        ("h.pt", write_wrong_shape, r"'fc.bias' has shape \(2,\), not \(1,\)"),
        ("i.pt", write_nan, "'fc.bias' has values that are not finite"),
        ("missing.pt", None, "cannot read"),
        ("missing.safetensors", None, "cannot read"),
        ("", None, "cannot read"),
    ],
)
def test_bad_files_are_told_and_change_nothing(tmp_path, capsys, name, write, complaint):
    discriminator = make_discriminator(PUBLISHED)
    before = {key: value.clone() for key, value in discriminator.state_dict().items()}
    names = {
        **{f"resnetlayer.{b}.fc{i}.{kind}": f"blocks.{b}.{layer}.{kind}"
           for b in (0, 1) for i, layer in ((1, "first"), (2, "second")) for kind in ("weight", "bias")},
        "fc.weight": "score.weight", "fc.bias": "score.bias",
    }  # fmt: skip
    path = tmp_path / name
    if write:
        write(path, {published: torch.rand_like(before[ours]) for published, ours in names.items()})
    with pytest.raises(UserError, match=complaint) as caught:
        load_published_weights(discriminator, path)
    assert str(path) in str(caught.value)
    assert capsys.readouterr().out == ""
    assert all(torch.equal(value, before[key]) for key, value in discriminator.state_dict().items())
