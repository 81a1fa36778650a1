"""Every table and figure of the paper and its supplement by `murauer experiment`, from one small store."""

import json
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from inline_runner import Inline
from murauer.cli.main import main
from murauer.experiments import figure4
from murauer.experiments.figure4 import PAPER_VARIANTS
from murauer.store.store import Store
from murauer.training.config import load_config
from untrained_runs import NETWORK

LABELS = 10


def test_one_store_gives_the_whole_paper(
    tiny_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figure4, "sweep_runner", lambda args: Inline())
    smoke = load_config("smoke")
    training = msgspec.structs.replace(smoke.training, pretraining_iterations=20, joint_iterations=20)
    config = tmp_path / "config.json"
    config.write_bytes(
        msgspec.json.encode(msgspec.structs.replace(smoke, network=NETWORK, training=training))
    )

    def experiment(name: str, *words: object, folder: str | None = None) -> dict[str, object]:
        out = tmp_path / (folder or name)
        assert main(["experiment", name, *map(str, words), "--out", str(out)]) == 0
        with Image.open(out / f"{name}.png") as picture:
            colours = picture.convert("RGB").getcolors(1 << 24)
        assert colours is not None and len(colours) > 20  # not empty
        assert (out / f"{name}.svg").is_file() and (out / f"{name}.csv").read_text().count("\n") > 1
        values: dict[str, object] = json.loads((out / f"{name}.json").read_text())
        return values

    data = ("--data", tiny_store.folder)
    small_cube = ("--small-cube", max(tiny_store.unseen_persons))
    sweep = experiment(
        "figure4", *data, "--config", config, "--labels", LABELS, "all", "--seeds", 0, *small_cube
    )
    trained = {(row["variant"], row["n_labelled"]) for row in sweep["results"]}  # type: ignore[attr-defined]
    assert {variant for variant, _ in trained} == set(PAPER_VARIANTS) and len(trained) == 11

    runs = {name: tmp_path / f"figure4/runs/{name}_n{LABELS}_seed0" for name in PAPER_VARIANTS[1:]}
    runs["synth_only"] = tmp_path / "figure4/runs/synth_only_n0_seed0"
    baseline, full = runs["real_and_synth"], runs["full"]
    experiment("figure1", baseline, full)
    experiment("table1", *runs.values(), *small_cube)
    experiment("figure3", tmp_path / "figure4/runs")
    experiment("figure5", full, "--pairs", 12)
    experiment("figure6", baseline, full)
    experiment("figure7", runs["view_pred"], full)
    experiment("worst", full, "--count", 3, folder="figure_s3")
    assert experiment("worst", full, "--by", "max", "--count", 3, folder="figure_s4")["ranked_by"] == "max"
    experiment("worst", full, "--neighbours", 4, "--count", 3, folder="figure_s5")
    assert experiment("views", runs["view_pred"], full)["frames"] == 16
