"""Uses the extensions of docs/extending*.md end to end; see test_extending.py, which starts it.

A program of its own: `murauer render session` works in processes that import the package anew, so the
extended copy must come first on their path, as a changed installation would.
"""

import json
import shlex
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import murauer
from murauer.capture.depth import DEPTH_UNIT_MM
from murauer.capture.sources import open_source
from murauer.cli.main import main
from murauer.experiments.ablation_figure import ablation_figure
from murauer.geometry.camera import CAMERAS, Camera, uvd_to_xyz, xyz_to_uvd
from murauer.geometry.skeletons import convert, find_skeleton
from murauer.hand.model import HandModel, place
from murauer.hand.pose_prior import PosePrior
from murauer.hand.rasteriser import rasterise_depth
from murauer.hand.viewpoint import sample_viewpoints
from murauer.store.store import Store, open_store


def run(command: str) -> None:
    program, *words = shlex.split(command)
    assert program == "murauer" and main(words) == 0, command


def write_png_folders(source: Path, camera: Camera) -> None:
    model, generator = HandModel(), torch.Generator().manual_seed(0)
    source.mkdir()
    (source / "camera.json").write_text(json.dumps(camera.to_dict()))
    for split in ("real", "validation", "test"):
        folder = source / split
        folder.mkdir(parents=True)
        hands = model(PosePrior().sample(8, generator), torch.zeros(1, len(model.shape_names)))
        rotation = sample_viewpoints(8, generator, any_share=0.0)
        middle = torch.tensor([40.0, -30.0, 800.0]) + 50 * torch.randn(8, 3, generator=generator)
        depth = rasterise_depth(
            place(hands.vertices, rotation, middle), model.faces, camera.intrinsics().expand(8, 4), 480, 640
        )
        for row, image in enumerate(depth.numpy().round().astype(np.uint16)):
            Image.fromarray(image).save(folder / f"{row:04d}.png")
        joints = place(hands.joints("tips6"), rotation, middle)
        np.savetxt(folder / "joints.txt", xyz_to_uvd(joints, camera.intrinsics()).flatten(1).numpy())


def logged(folder: Path) -> set[str]:
    """Names of the curves in a TensorBoard log."""
    events = EventAccumulator(str(folder)).Reload()
    return set(events.Tags()["scalars"])


def check_windows_show_the_frames(store: Store, source: Path, camera: Camera) -> None:
    """Each measured pixel of a window, taken to 3D and into the frame, falls on the same depth there."""
    frames = store.test
    region = frames.regions(np.arange(len(frames)))
    for row, file in enumerate(sorted((source / "test").glob("*.png"))):
        full = np.array(Image.open(file)).astype(np.float32)
        v, u = torch.nonzero(region.depth[row], as_tuple=True)
        z = region.depth[row, v, u]
        xyz = uvd_to_xyz(torch.stack((u, v, z), -1), region.intrinsics[row])
        column, line, _ = xyz_to_uvd(xyz, camera.intrinsics()).round().int().numpy().T
        assert len(z) > 200 and ((column >= 0) & (column < 640)).all()
        assert (np.abs(full[line, column] - z.numpy()) < DEPTH_UNIT_MM).mean() > 0.98
        assert torch.equal(region.centre[row], region.joints[row, 0])


if __name__ == "__main__":
    work = Path(sys.argv[1])
    assert Path(murauer.__file__).is_relative_to(work.parent), murauer.__file__

    session = f"--out {work}/simulated --config settings.json --sensor active_stereo --workers 1"
    run(f"murauer render session {session}")
    store = open_store(work / "simulated")
    assert store.skeleton is find_skeleton("tips6") and len(store.skeleton) == 6
    assert store.manifest.simulation.sensor == "active_stereo"
    synthetic, real = store.pairs.depth[:, 0] > 0, store.real.depth[:, 0] > 0
    assert 0.3 * synthetic.sum() < real.sum()
    hand = torch.arange(21 * 3.0).reshape(21, 3)
    assert convert(hand, "anny21", "tips6")[:, 0].tolist() == [27, 12, 24, 36, 48, 60]

    trained = "--config narrow --labels 4"
    run(f"murauer train --data {work}/simulated --out {work}/run {trained} --variant view_unmapped")
    run(f"murauer evaluate {work}/run --data {work}/simulated --json")

    sys.path.insert(0, str(Path.cwd()))
    for name in ("reach", "pooled"):  # modules outside the package, which add a loss and a backbone
        import_module(name)
        run(f"murauer train --data {work}/simulated --out {work}/{name} --config {name}.json --labels 4")
        run(f"murauer evaluate {work}/{name} --data {work}/simulated --json")
    curves = logged(work / "reach" / "log") - logged(work / "pooled" / "log")
    assert curves == {"full/reach", "pre-training/reach"}

    camera = CAMERAS["nyu"]
    write_png_folders(work / "png", camera)
    run(f"murauer import png_folders {work}/png --out {work}/own --workers 1")
    own = open_store(work / "own")
    check_windows_show_the_frames(own, work / "png", camera)
    run(f"murauer render frames {work}/own --frames 8 --workers 1")
    run(f"murauer train --data {work}/own --out {work}/own_run {trained} --variant real_and_synth")
    run(f"murauer evaluate {work}/own_run --data {work}/own --json")

    run(f"murauer record 'wall:nyu?speed=22500' --out {work}/wall")
    walls = list(open_source(work / "wall"))
    assert [float(moment.depths[0].max()) for moment in walls] == [2000.0, 1250.0]
    assert [round(moment.time_s * 30) for moment in walls] == [0, 1]

    ablation_figure({"view_unmapped": {4: [20.0, 21.0]}})
