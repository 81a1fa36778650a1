"""The commands for a GPU run, here on the processor, and a run survives being carried in parts."""

import json
import sys
from pathlib import Path

import pytest

from murauer.store.store import Store

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import gpu
from pack_run import pack, unpack


def test_all_figures_are_measured(
    tiny_store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = str(tiny_store.folder), tmp_path / "gpu.json"
    arguments = ["--device", "cpu", "--config", "smoke", "--data", data, "--out", str(out)]
    gpu.main(["measure", *arguments, "--seconds", "0.1", "--hands", "4"])
    figures, table = json.loads(out.read_text()), capsys.readouterr().out
    for step in ("joint_float32", "joint_bfloat16", "pretraining_float32", "pretraining_bfloat16"):
        assert min(figures[step].values()) > 0 and step in table
    assert min(figures["rendering"].values()) > 0 and min(figures["inference"].values()) > 0


def test_a_training_in_slices_comes_to_its_end(tiny_store: Store, tmp_path: Path) -> None:
    config_file = tmp_path / "tiny.json"
    training = {"pretraining_iterations": 4, "joint_iterations": 6, "checkpoint_every": 2, "set_size": 4}
    config_file.write_text(json.dumps({"extends": "smoke", "training": training}))
    run, out = tmp_path / "run", tmp_path / "slice.json"
    arguments = [
        *("train", "--device", "cpu", "--config", str(config_file), "--data", str(tiny_store.folder)),
        *("--run", str(run), "--out", str(out), "--labels", "10"),
    ]
    gpu.main([*arguments, "--minutes", "0.001"])
    stopped = json.loads(out.read_text())
    assert not stopped["finished"] and stopped["steps_done"] < stopped["steps_wanted"] == 10
    gpu.main([*arguments, "--minutes", "5"])
    ended = json.loads(out.read_text())
    assert ended["finished"] and ended["steps_done"] == 10 and ended["hours_left"] == 0


def test_a_run_in_parts_is_whole_again(tmp_path: Path) -> None:
    run, parts = tmp_path / "run", tmp_path / "parts"
    (run / "log").mkdir(parents=True)
    contents = {"checkpoint.safetensors": bytes(range(256)) * 400, "log/events": b"log", "config.json": b"{}"}
    for name, content in contents.items():
        (run / name).write_bytes(content)
    packed = pack(run, parts, part_bytes=30_000)
    assert len(packed) > 3 and all(path.stat().st_size <= 30_000 for path in packed)
    unpack(parts, tmp_path / "again")
    assert {name: (tmp_path / "again" / name).read_bytes() for name in contents} == contents
    (run / "checkpoint.safetensors").unlink()
    fewer = pack(run, parts, part_bytes=30_000)
    assert sorted(parts.glob("part_*")) == fewer  # none is left from before
    fewer[0].write_bytes(b"damaged")
    with pytest.raises(SystemExit, match="part_0000 is missing or damaged"):
        unpack(parts, tmp_path / "third")
    assert not (tmp_path / "third").exists()
