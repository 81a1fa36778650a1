"""Each experiment as a user types it: its four files, and one sentence where a store lacks something."""

import csv
import importlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from changed_store import described
from joint_texts import write_joints
from murauer.cli.main import main
from murauer.experiments import EXPERIMENTS, views
from murauer.store.manifest import read_manifest


def experiment(name: str, *words: object) -> int:
    return main(["experiment", name, *map(str, words)])


def outputs(folder: Path, name: str) -> tuple[list[dict[str, str]], dict]:
    """Rows of the CSV and content of the JSON; checks that the pictures are pictures."""
    assert sorted(path.name for path in folder.iterdir()) == [
        f"{name}.{suffix}" for suffix in ("csv", "json", "png", "svg")
    ]
    with Image.open(folder / f"{name}.png") as image:
        assert min(image.size) > 300 and len(image.convert("RGB").getcolors(1 << 24) or ()) > 10
    assert b"<svg" in (folder / f"{name}.svg").read_bytes()[:2000]
    with open(folder / f"{name}.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return rows, json.loads((folder / f"{name}.json").read_text())


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_explains_itself(name, capsys):
    module = importlib.import_module(f"murauer.experiments.{name}")
    assert module.__doc__.splitlines()[0].endswith(".")
    with pytest.raises(SystemExit) as stopped:
        experiment(name, "--help")
    assert stopped.value.code == 0
    assert f"usage: murauer experiment {name}" in capsys.readouterr().out


def test_unknown_experiments_and_arguments_are_told(capsys):
    assert experiment("figure9") == 2
    assert "unknown experiment 'figure9'; choose one of figure1" in capsys.readouterr().err
    assert experiment("figure5", "--nonsense") == 2
    assert "murauer experiment figure5 --help" in capsys.readouterr().err


def test_table1_gives_the_published_errors_from_the_published_files(shared_dir, tmp_path):
    nyu = shared_dir / "data/nyu"
    with open(nyu / "predictions/published.csv", encoding="utf-8") as file:
        published = list(csv.DictReader(file))
    files = [
        word
        for row in published
        for word in ("--uvd", f"{row['method']}={nyu / 'predictions' / row['file']}")
    ]
    truth = ["--ground-truth", nyu / "nyu_test_groundtruth_label.txt", "--camera", "nyu"]
    assert experiment("table1", *files, *truth, "--out", tmp_path / "out") == 0
    rows, values = outputs(tmp_path / "out", "table1")
    assert values["comparable_with_published"] is True
    measured = {row["method"]: row for row in rows if row["kind"] == "predictions"}
    assert len(measured) == len(published) == 5
    for row in published:
        found = measured[row["method"]]
        assert float(found["mean_error_mm"]) == pytest.approx(float(row["mean_error_mm"]), abs=0.001)
        assert float(found["first_mm"]) == pytest.approx(float(row["first_person_mm"]), abs=0.001)
        # Both persons together are all frames.
        both = 2440 * float(found["first_mm"]) + 5812 * float(found["second_mm"])
        assert both / 8252 == pytest.approx(float(found["mean_error_mm"]), abs=0.001)
        assert abs(float(found["published_mm"]) - float(found["mean_error_mm"])) < 0.07
    assert sum(row["kind"] == "published" for row in rows) == 22


def test_table1_compares_runs_and_files_on_the_test_split(store, runs, tmp_path, capsys):
    truth = np.array(store.test.joints[:, 0])
    write_joints(tmp_path / "five.txt", truth + np.array([3, 0, 4]))
    words = [runs["full"], f"mine={runs['synth_only']}", "--xyz", f"five={tmp_path / 'five.txt'}"]
    assert experiment("table1", *words, "--out", tmp_path / "out") == 0
    rows, values = outputs(tmp_path / "out", "table1")
    measured = {row["method"]: row for row in rows if row["kind"] != "published"}
    assert float(measured["five"]["mean_error_mm"]) == pytest.approx(5, abs=1e-3)
    assert float(measured["five"]["unseen_mm"]) == pytest.approx(5, abs=1e-3)
    for title, name in (("Real&Synth | Full", "full"), ("mine", "synth_only")):
        stored = json.loads((runs[name] / "metrics.json").read_text())["test"]
        assert float(measured[title]["mean_error_mm"]) == pytest.approx(stored["mean_error_mm"], abs=1e-4)
    assert values["comparable_with_published"] is False and values["centres"] == "annotated joint"
    assert "five" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing to compare"),
        (["--xyz", "a.txt"], "--ground-truth or --data"),
        (["--xyz", "{short}", "--data", "{data}"], "has 1 frames of 14 joints but the test split"),
        (["--xyz", "{short}", "--ground-truth", "{short}", "--ground-truth-format", "xyz", "{run}"],
         "different test sets, of 1 and 10 frames"),
    ],
)  # fmt: skip
def test_table1_of_what_cannot_be_compared(store, runs, tmp_path, capsys, words, message):
    (tmp_path / "short.txt").write_text(" ".join(["1 2 600"] * 14) + "\n")
    places = {"short": tmp_path / "short.txt", "data": store.folder, "run": runs["full"]}
    assert experiment("table1", *(word.format(**places) for word in words), "--out", tmp_path / "out") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_figure3_has_published_values_and_own_runs(runs, tmp_path):
    assert experiment("figure3", "--out", tmp_path / "published") == 0
    rows, _ = outputs(tmp_path / "published", "figure3")
    assert {row["method"] for row in rows if row["n_labelled"] != "0"} == {
        "PreView", "Crossing Nets", "LSPS", "MURAUER",
    }  # fmt: skip
    for name in ("full", "synth_only"):
        shutil.copytree(runs[name], tmp_path / "sweep" / name)
    assert experiment("figure3", tmp_path / "sweep", "--out", tmp_path / "own") == 0
    rows, values = outputs(tmp_path / "own", "figure3")
    own = {row["method"]: row for row in rows if row["kind"] == "run"}
    assert own["Synth only"]["n_labelled"] == "0" and own["Real&Synth | Full"]["n_labelled"] == "4"
    stored = json.loads((runs["full"] / "metrics.json").read_text())["test"]["mean_error_mm"]
    assert float(own["Real&Synth | Full"]["mean_error_mm"]) == pytest.approx(stored, abs=1e-4)
    assert values["comparable_with_published"] is False


def test_figure5_leaves_the_points_of_both_domains(runs, tmp_path):
    assert experiment("figure5", runs["full"], "--pairs", 8, "--out", tmp_path / "out") == 0
    rows, values = outputs(tmp_path / "out", "figure5")
    assert [row["domain"] for row in rows] == ["real"] * 8 + ["synthetic"] * 8
    assert len({row["frame"] for row in rows}) == 8 and all(row["shown"] == "True" for row in rows)
    assert values["alignment"]["pairs"] == 8


def test_figure6_leaves_every_distance_and_the_numbers_beside_them(runs, tmp_path, capsys):
    assert experiment("figure6", runs["real_and_synth"], runs["full"], "--out", tmp_path / "out") == 0
    rows, values = outputs(tmp_path / "out", "figure6")
    for run in values["runs"]:
        own = [row for row in rows if row["run"] == run["title"]]
        assert len(own) == 10
        distances, ranks = ([float(row[name]) for row in own] for name in ("distance", "rank"))
        alignment = run["alignment"]
        assert np.median(distances) == pytest.approx(alignment["median_distance"], abs=1e-4)
        assert np.median(ranks) == alignment["median_rank"]
        assert ranks.count(1) / 10 == alignment["true_pair_first"]
        assert 0 <= alignment["probe_accuracy"] <= 1
    assert "Real&Synth | Full: median distance" in capsys.readouterr().out


def test_figure7_leaves_the_errors_of_both_inputs(runs, tmp_path):
    assert experiment("figure7", runs["full"], "--examples", 2, "--out", tmp_path / "out") == 0
    rows, values = outputs(tmp_path / "out", "figure7")
    assert {int(row["frame"]) for row in rows} == set(range(10)) and values["frames"] == 10  # of validation
    errors = [float(row["mean_absolute_error"]) for row in rows if row["input"] == "real"]
    assert np.mean(errors) == pytest.approx(values["runs"][0]["real"]["mean_absolute_error"], abs=1e-4)
    assert values["runs"][0]["difference_of_predictions"] > 0


def test_views_measures_all_held_out_frames(runs, tmp_path, capsys, monkeypatch):
    words = [runs["full"], f"cs={runs['full']}"]
    assert experiment("views", *words, "--out", tmp_path / "out") == 0
    rows, values = outputs(tmp_path / "out", "views")
    assert [(row["run"], row["input"]) for row in rows] == [
        (name, domain) for name in ("Real&Synth | Full", "cs") for domain in ("real", "synthetic")
    ]
    assert {row["frames"] for row in rows} == {"10"} and values["frames"] == 10
    first = f"{values['runs'][0]['real']['mean_absolute_error']:.3f}"
    assert f"cs, from real input: {first}" in capsys.readouterr().out
    # On NYU the supplement's errors stand beside.
    monkeypatch.setattr(views, "is_published_test_set", lambda store: True)
    assert experiment("views", runs["full"], "--out", tmp_path / "nyu") == 0
    rows, _ = outputs(tmp_path / "nyu", "views")
    assert [row["mean_absolute_error"] for row in rows if row["published"]] == ["0.123", "0.107"]


def test_figure1_sets_two_runs_beside_the_truth(runs, tmp_path, capsys):
    both = [runs["real_and_synth"], runs["full"]]
    assert experiment("figure1", *both, "--count", 3, "--out", tmp_path / "gain") == 0
    rows, values = outputs(tmp_path / "gain", "figure1")
    gains = [float(rows[i]["error_mm"]) - float(rows[i + 1]["error_mm"]) for i in (0, 2, 4)]
    assert gains == sorted(gains, reverse=True) and values["chosen_by_gain"] is True
    assert [row["run"] for row in rows] == ["Real&Synth", "Real&Synth | Full"] * 3
    stored = json.loads((runs["full"] / "metrics.json").read_text())["test"]["mean_error_mm"]
    assert values["mean_error_mm"]["Real&Synth | Full"] == pytest.approx(stored, abs=1e-4)
    assert experiment("figure1", *both, "--frames", 7, 2, "--out", tmp_path / "named") == 0
    rows, values = outputs(tmp_path / "named", "figure1")
    assert [row["frame"] for row in rows] == ["7", "7", "2", "2"] and values["chosen_by_gain"] is False
    assert experiment("figure1", *both, "--frames", 10, "--out", tmp_path / "none") == 2
    assert "frame 10 is no usable labelled one of the 10 test frames" in capsys.readouterr().err


def test_the_small_cube_counts_in_tables_and_figures(runs, tmp_path):
    def error(name, *words):
        out = tmp_path / "_".join(map(str, (name, *words)))
        given = [runs["real_and_synth"], runs["full"]] if name == "figure1" else [runs["full"]]
        assert experiment(name, *given, *words, "--out", out) == 0
        values = outputs(out, name)[1]
        assert values["small_cube_person"] == (1 if words else None)
        if name == "table1":
            return values["measured"][0]["metrics"]["mean_error_mm"]
        if name == "figure3":
            return values["results"][0]["mean_error_mm"]
        mean = values["mean_error_mm"]
        return mean if name == "worst" else mean["Real&Synth | Full"]

    names = ("table1", "figure1", "figure3", "worst")
    usual, small = ([error(name, *words) for name in names] for words in ((), ("--small-cube", 1)))
    assert usual == pytest.approx([usual[0]] * 4) and small == pytest.approx([small[0]] * 4)
    assert abs(usual[0] - small[0]) > 0.01


def test_worst_frames_come_with_the_best(runs, tmp_path):
    assert experiment("worst", runs["full"], "--count", 2, "--out", tmp_path / "out") == 0
    rows, values = outputs(tmp_path / "out", "worst")
    errors = {
        kind: [float(row["error_mm"]) for row in rows if row["kind"] == kind] for kind in ("best", "worst")
    }
    assert errors["best"] == sorted(errors["best"]) and errors["worst"] == sorted(
        errors["worst"], reverse=True
    )
    assert max(errors["best"]) < min(errors["worst"]) and len(rows) == 4
    assert errors["best"][0] < values["mean_error_mm"] < errors["worst"][0]
    validation = tmp_path / "validation"
    assert experiment("worst", runs["full"], "--split", "validation", "--count", 1, "--out", validation) == 0
    assert outputs(validation, "worst")[1]["split"] == "validation"


def test_worst_frames_by_their_largest_error_and_with_several_neighbours(store, runs, tmp_path):
    words = ["--by", "max", "--neighbours", 3, "--count", 1]
    assert experiment("worst", runs["full"], *words, "--out", tmp_path / "out") == 0
    rows, values = outputs(tmp_path / "out", "worst")
    assert [row["neighbour"] for row in rows] == ["1", "2", "3"] * 2 and values["ranked_by"] == "max"
    largest = json.loads((runs["full"] / "metrics.json").read_text())["test"]["max_error_mm"]
    assert float(rows[-1]["error_mm"]) == pytest.approx(largest, abs=1e-3)
    apart = [float(row["nearest_mm"]) for row in rows]
    assert apart[:3] == sorted(apart[:3]) and apart[3:] == sorted(apart[3:])


@pytest.fixture
def store_without(store, tmp_path):
    """A copy of the store that tests take something from."""
    folder = tmp_path / "store"
    shutil.copytree(store.folder, folder)

    def without(*sets: str, **changes: object) -> Path:
        left = [name for name in read_manifest(folder).sets if name not in sets]
        described(folder, sets=left, checksums={}, **changes)
        return folder

    return without


@pytest.mark.parametrize("name", ["figure5", "figure6"])
def test_without_pairs_there_are_no_latent_pairs(store_without, runs, tmp_path, capsys, name):
    data = store_without("twin", "validation_twin")
    assert experiment(name, runs["full"], "--data", data, "--out", tmp_path / "out") == 2
    assert f"has no twin frames; fit them to the labelled frames with 'murauer render pairs {data}'" in (
        capsys.readouterr().err
    )


def test_without_a_second_camera_there_are_no_views(store_without, runs, tmp_path, capsys):
    data = store_without(view_pair=None)
    assert experiment("figure7", runs["full"], "--data", data, "--out", tmp_path / "out") == 2
    assert "are of one camera" in capsys.readouterr().err
    assert experiment("figure7", runs["real_and_synth"], "--data", data, "--out", tmp_path / "out") == 2
    assert "trained without view prediction" in capsys.readouterr().err


def test_without_a_test_split_nothing_is_measured(store_without, runs, tmp_path, capsys):
    data = store_without("test")
    for name in ("table1", "figure3", "worst"):
        assert experiment(name, runs["full"], "--data", data, "--out", tmp_path / "out") == 2
        assert "has no test frames" in capsys.readouterr().err


def test_outputs_repeat_to_the_byte(runs, tmp_path):
    for out in ("a", "b"):
        assert experiment("figure6", runs["full"], "--out", tmp_path / out) == 0
    for suffix in ("svg", "csv", "json"):
        first, second = ((tmp_path / out / f"figure6.{suffix}").read_bytes() for out in ("a", "b"))
        assert first == second


def test_report_of_runs_is_one_page(runs, tmp_path, capsys):
    page = tmp_path / "report.html"
    assert main(["evaluate", str(runs["full"]), f"base={runs['real_and_synth']}", "--report", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "<td" in text and "base" in text and "murauer evaluate" in text
    assert str(page) in capsys.readouterr().out
    assert main(["evaluate", str(tmp_path), "--report", str(page)]) == 2
    assert "no finished run" in capsys.readouterr().err
