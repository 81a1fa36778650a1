"""What is killed and starved in the tests of this folder: all work that leaves something on disk."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from children import assert_same, command

from murauer.capture.keypoint_file import read_keypoint_file
from murauer.capture.recorder import TRUTH_FILE, record
from murauer.capture.sources import open_source
from murauer.capture.sources.folder import read_times
from murauer.cli.main import main
from murauer.errors import UserError
from murauer.geometry.skeletons import SKELETONS
from murauer.locks import locked
from murauer.nets.compatibility import PUBLISHED
from murauer.nets.model_file import MODEL_FILE, save_model
from murauer.nets.network import HandPoseNetwork
from murauer.nets.published_weights import PUBLISHED_NAMES
from murauer.prepare.rendering.simulated import simulate_store
from murauer.store.makers import SimulationConfig
from murauer.store.store import open_store
from murauer.studio.albums.store_album import StoreAlbum
from murauer.studio.labels.label_log import LabelLog
from murauer.training.config import load_config

SMALLEST = SimulationConfig(
    synthetic_frames=8, real_frames=8, validation_frames=4, test_frames=4, training_persons=1, region_size=32
)
FRAMES = 4
CHANGES = 6


@dataclass(frozen=True)
class Inputs:
    """What tasks start from.

    Attributes:
        capture: Labelled frames of two cameras.
        store: A simulated store.
        run: A folder with an untrained model.
        config: A file with the config of a training of a few steps.
        published: A file of weights as the paper's authors published theirs.
    """

    capture: Path
    store: Path
    run: Path
    config: Path
    published: Path


def make_inputs(folder: Path, store: Path) -> Inputs:
    """Record a capture, and write a config and a model."""
    capture = folder / "capture"
    with open_source("simulated:?cameras=2&paced=false") as source:
        record(source, capture, frames=FRAMES)
    (capture / TRUTH_FILE).rename(capture / "labels.json")
    config = load_config("smoke")
    short = msgspec.structs.replace(
        config.training, pretraining_iterations=4, joint_iterations=4, checkpoint_every=2
    )
    path = folder / "config.json"
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(config, training=short)))
    network = HandPoseNetwork(config.network)
    save_model(folder / "run" / MODEL_FILE, network, config, variant="full", labels=8, seed=0)
    published = HandPoseNetwork(PUBLISHED).state_dict()
    torch.save({_published_name(name): value for name, value in published.items()}, folder / "published.pth")
    return Inputs(capture, store, folder / "run", path, folder / "published.pth")


def _published_name(name: str) -> str:
    layer = next((layer for layer in PUBLISHED_NAMES if name.startswith(f"{layer}.")), "")
    return PUBLISHED_NAMES.get(layer, layer) + name[len(layer) :]


@dataclass(frozen=True)
class Task:
    """Work that is done, or goes on, when it is started again.

    Attributes:
        name: Of the task.
        work: Makes it, for a folder.
        result: What it leaves there, to be compared; nothing to compare by default, where each run differs.
        prepare: Puts there what must be there before.
        check: Looks at what a kill has left.
        without: Texts in the names of files that need not be the same.
        random: Whether it takes long enough for kills at random moments.
    """

    name: str
    work: Callable[[Inputs, Path], Callable[[], Any]]
    result: str | None = ""
    prepare: Callable[[Inputs, Path], None] = lambda inputs, folder: None
    check: Callable[[Inputs, Path], None] = lambda inputs, folder: None
    without: tuple[str, ...] = ()
    random: bool = True

    def compare(self, undisturbed: Path, folder: Path) -> None:
        """The result is what it is without kills."""
        if self.result is not None:
            assert_same(undisturbed / self.result, folder / self.result, self.without)


def in_words(work: Callable[[], Any]) -> Any:
    """End like the command line, also where a task is a function."""
    try:
        return work()
    except UserError as error:
        print(f"murauer: {error}")
        return 2


def _copy_store(inputs: Inputs, folder: Path) -> None:
    shutil.copytree(inputs.store, folder / "store")


def _store_opens(inputs: Inputs, folder: Path) -> None:
    """A store is there whole or not at all."""
    if (folder / "store").exists() and any((folder / "store").iterdir()):
        for frames in open_store(folder / "store").sets.values():
            frames.windows(np.arange(len(frames)))


def _capture_reads(inputs: Inputs, folder: Path) -> None:
    """All frames of a capture that all cameras have are read, and the times of all but the last."""
    out = folder / "capture"
    if not (out / "camera.json").exists():
        return
    cameras = [{path.name for path in each.glob("[0-9]*.png")} for each in out.iterdir() if each.is_dir()]
    whole = set.intersection(*cameras) if len(cameras) == 2 else set()
    times = (out / "times.csv").read_bytes().splitlines() if (out / "times.csv").exists() else []
    assert len(whole) - 1 <= max(len(times) - 1, 0) <= len(whole)
    if whole:
        assert len(list(open_source(out))) >= len(whole)


def _capture_is_complete(inputs: Inputs, folder: Path) -> Callable[[], int]:
    def work() -> int:
        out = folder / "capture"
        before = len(list(out.glob("*/[0-9]*.png"))) // 2
        code = 0
        if before < FRAMES:
            code = main(
                ["record", "simulated:?cameras=2&paced=false", "--out", str(out), "--frames", str(FRAMES)]
            )
        if code:
            return code
        assert len(list(open_source(out))) == FRAMES and len(read_times(out / "times.csv")) >= FRAMES - 1
        if (out / TRUTH_FILE).exists():  # written when a recording ends well
            read_keypoint_file(out / TRUTH_FILE)
        return code

    return work


def _label(inputs: Inputs, folder: Path) -> Callable[[], None]:
    """Make the changes that are not made yet, and say after each that it is on disk."""

    def work() -> None:
        with LabelLog(folder, SKELETONS["nyu14"]) as log:
            done = int((folder / "done").read_text() or 0) if (folder / "done").exists() else 0
            made = len((folder / "labelling.jsonl").read_bytes().splitlines()) - 1
            assert done <= made, "a label is lost"
            for number in range(made, CHANGES):
                log.change(f"real/{number}", np.full((14, 3), number + 1, np.float32), "move", accepted=True)
                (folder / "done").write_text(str(number + 1))
            labels = log.accepted()
            assert [labels[f"real/{number}"][0, 0] for number in range(CHANGES)] == [*range(1, CHANGES + 1)]

    return work


def _write_labels(inputs: Inputs, folder: Path) -> Callable[[], None]:
    def work() -> None:
        label = np.full((14, 3), 500.0, np.float32)
        with locked(folder / "store"):  # as the label log does
            StoreAlbum(folder / "store").write_labels({"real/1": label, "real/2": None, "test/0": label + 1})

    return work


def _session(inputs: Inputs, folder: Path) -> Callable[[], None]:
    return lambda: simulate_store(SMALLEST, folder / "store", workers=1) and None


def _sweep(inputs: Inputs, folder: Path) -> Callable[[], int]:
    words = ("--labels", 8, "--variants", "synth_only", "real_only", "--workers", 2)
    place = ("--data", inputs.store, "--out", folder / "sweep", "--config", inputs.config)
    return command("experiment", "figure4", *place, *words)


TASKS = {
    task.name: task
    for task in (
        Task("label log", _label, result=None),
        Task(
            "labels into a store",
            _write_labels,
            result="store",
            prepare=_copy_store,
            check=_store_opens,
            random=False,
        ),
        Task("record", _capture_is_complete, result=None, check=_capture_reads),
        Task(
            "import",
            lambda inputs, folder: command(
                "import", "recording", inputs.capture, "--out", folder / "store", "--workers", 1
            ),
            result="store",
            check=_store_opens,
        ),
        Task("render session", _session, result="store", check=_store_opens),
        Task(
            "render frames",
            lambda inputs, folder: command(
                "render", "frames", folder / "store", "--frames", 8, "--replace", "--workers", 1
            ),
            result="store",
            prepare=_copy_store,
            check=_store_opens,
        ),
        Task(
            "render pairs",
            lambda inputs, folder: command(
                "render", "pairs", folder / "store", "--labels", 2, "--replace", "--max-error-mm", 50
            ),
            result="store",
            prepare=_copy_store,
            check=_store_opens,
        ),
        Task(
            "train",
            lambda inputs, folder: command(
                "train",
                "--data",
                inputs.store,
                "--out",
                folder / "run",
                "--config",
                inputs.config,
                "--labels",
                8,
            ),
            result="run",
            without=("log/", "_before."),
        ),
        Task("sweep", _sweep, result="sweep/figure4.csv"),
    )
}
