import json
import subprocess
import sys
from pathlib import Path

import pytest

from murauer.cli import info
from murauer.cli import main as cli
from murauer.cli.main import main
from murauer.geometry.camera import CAMERAS


@pytest.mark.parametrize("command", ["", *cli.COMMANDS])
def test_help(command: str, capsys):
    with pytest.raises(SystemExit) as stop:
        main([*command.split(), "--help"])
    assert stop.value.code == 0
    assert "usage: murauer" in capsys.readouterr().out


def test_help_is_quick_because_nothing_heavy_is_imported():
    code = "import sys, murauer.cli.main; print([m for m in ('torch', 'warp', 'scipy') if m in sys.modules])"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"


def test_info_of_the_paper(capsys):
    assert main(["info", "--config", "paper", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["parameters"] == {"f": 5111520, "m": 4198400, "p": 1092650, "g": 11168640, "h": 4199425}
    assert {"nyu14", "anny21"} <= facts["skeletons"].keys()
    assert facts["cameras"]["nyu"]["fx"] == CAMERAS["nyu"].fx
    assert "paper" in facts["configs"] and "full" in facts["variants"]


def test_info_as_text(capsys):
    assert main(["info", "--config", "paper"]) == 0
    assert "5,111,520" in capsys.readouterr().out


def test_predict_prints_json_without_out(shared_dir: Path, small_model: Path, capsys):
    frame = str(shared_dir / "data" / "real" / "nyu_test_depth_1_0000001.png")
    assert main(["predict", frame, "--camera", "nyu", "--model", str(small_model)]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["frames"][0]["file"] == frame
    assert len(result["frames"][0]["joints_xyz_mm"]) == len(result["joints"]) == 14


def test_predict_several_frames_with_pictures(shared_dir: Path, small_model: Path, tmp_path: Path):
    frames = sorted(str(path) for path in (shared_dir / "data" / "real").glob("sr305_*-231615_*.png"))
    out, table, picture = (tmp_path / name for name in ("joints.json", "joints.csv", "sheet.png"))
    options = ["--camera", "sr305", "--depth-scale", "0.125", "--model", str(small_model)]
    results = ["--out", str(out), "--out", str(table), "--overlay", str(picture)]
    assert main(["predict", *frames, *options, *results]) == 0
    assert [frame["file"] for frame in json.loads(out.read_text())["frames"]] == frames
    assert len(table.read_text().splitlines()) == 1 + 14 * len(frames)
    assert picture.stat().st_size > 10_000


def test_given_centre_is_used(shared_dir: Path, small_model: Path, capsys, monkeypatch):
    frame = str(shared_dir / "data" / "real" / "nyu_test_depth_1_0000001.png")

    def refuse(*_: object) -> None:
        raise AssertionError("located although the centre is given")

    monkeypatch.setattr("murauer.inference.estimator.look_for_hand", refuse)
    options = ["--camera", "nyu", "--model", str(small_model), "--centre", "210.2,268.6,778.3"]
    assert main(["predict", frame, *options]) == 0
    centre = json.loads(capsys.readouterr().out)["frames"][0]["centre_uvd"]
    assert centre[2] == pytest.approx(778.3, abs=75)


PUBLISHED = {
    "joint_pos_murauer_n100_wacv_uvd.txt": 12.1722,
}


@pytest.mark.parametrize(("file", "expected_mm"), PUBLISHED.items())
def test_evaluate_published_predictions(shared_dir: Path, file: str, expected_mm: float, capsys):
    nyu = shared_dir / "data" / "nyu"
    truth = ["--ground-truth", str(nyu / "nyu_test_groundtruth_label.txt")]
    arguments = [
        "evaluate",
        str(nyu / "predictions" / file),
        *truth,
        "--format",
        "uvd",
        "--camera",
        "nyu",
        "--json",
    ]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["mean_error_mm"] == pytest.approx(expected_mm, abs=1e-4)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "murauer: stopped\n"),
        (OSError(28, "No space left on device", "/a/b"), 2, "murauer: /a/b: No space left on device\n"),
        (OSError(28, "No space left on device"), 2, "murauer: No space left on device\n"),
    ],
)
def test_what_happens_outside_the_input(error: BaseException, code: int, said: str, capsys, monkeypatch):
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(info, "run", fail)
    assert main(["info"]) == code
    assert capsys.readouterr().err == said


@pytest.fixture
def buffered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Child processes keep output back until it is flushed, as they do unless told otherwise."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)


def test_full_disk_behind_a_redirection(buffered: None):
    with open("/dev/full", "w") as full:
        process = subprocess.run(
            [sys.executable, "-m", "murauer", "info"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert (process.returncode, process.stderr) == (2, "murauer: No space left on device\n")


def test_reader_that_has_enough(buffered: None):
    with subprocess.Popen(
        [sys.executable, "-m", "murauer", "info"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == ("", 141)
