import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from murauer.errors import UserError
from murauer.evaluation.runs import (
    find_runs,
    labelled_by_any,
    load_run,
    load_runs,
    parse_named,
    predict_split,
    store_of,
)
from murauer.evaluation.split import evaluate_split
from murauer.nets.model_file import read_tensors, write_tensors


def variation(run: Path, target: Path, **facts: object) -> Path:
    """A copy of a run that says other things of itself."""
    tensors, metadata = read_tensors(run / "model.safetensors")
    changed = json.loads(metadata["facts"]) | facts
    write_tensors(target / "model.safetensors", tensors, metadata | {"facts": json.dumps(changed)})
    (target / "config.json").write_bytes((run / "config.json").read_bytes())
    return target


def test_runs_are_what_they_were_trained_with(store, runs):
    run = load_run(runs["full"])
    assert (run.title, run.name, run.labels, run.seed) == ("Real&Synth | Full", "full", 4, 3)
    assert run.store == store.folder and not run.network.training
    assert load_run(runs["full"], "mine").title == "mine"


def test_a_run_without_real_frames_has_used_no_label_whatever_it_was_given(runs, tmp_path):
    assert load_run(variation(runs["synth_only"], tmp_path / "given", labels=100)).labels == 0


def test_titles_tell_runs_apart(runs, tmp_path):
    full, base = runs["full"], runs["real_and_synth"]
    assert [run.title for run in load_runs([base, full])] == ["Real&Synth", "Real&Synth | Full"]
    more = variation(full, tmp_path / "more", labels=8)
    other = variation(full, tmp_path / "other", seed=5)
    assert [run.title for run in load_runs([other, full, base])] == [
        "Real&Synth | Full, seed 5", "Real&Synth | Full, seed 3", "Real&Synth",
    ]  # fmt: skip
    titles = [run.title for run in load_runs([full, more, other, f"mine={full}", str(base)])]
    assert titles == [
        "Real&Synth | Full, n = 4, seed 3", "Real&Synth | Full, n = 8", "Real&Synth | Full, n = 4, seed 5",
        "mine", "Real&Synth",
    ]  # fmt: skip
    copies = [variation(full, tmp_path / name / "run") for name in ("first", "second")]
    assert [run.title for run in load_runs(copies)] == [
        "Real&Synth | Full (first/run)", "Real&Synth | Full (second/run)"
    ]  # fmt: skip
    twice = load_runs([full, full])
    assert len({run.title for run in twice}) == 1  # the same folder cannot be told apart, and need not
    with pytest.raises(UserError, match="at least one"):
        load_runs([])


def test_names_are_split_from_paths_at_the_last_sign(tmp_path):
    assert parse_named("runs/full") == (None, Path("runs/full"))
    assert parse_named("MURAUER n=100=a/b.txt") == ("MURAUER n=100", Path("a/b.txt"))
    existing = tmp_path / "n=100.txt"
    existing.touch()
    assert parse_named(str(existing)) == (None, existing)


def test_labelled_rows_are_those_of_the_training(store, runs, tmp_path):
    full = load_run(runs["full"])
    assert full.labelled_rows(store).tolist() == store.labelled_rows(4, 3).tolist()
    assert load_run(runs["synth_only"]).labelled_rows(store).tolist() == []
    # A store with fewer labelled frames cannot be the one of the training.
    many = load_run(variation(runs["full"], tmp_path / "many", labels=50))
    assert many.labelled_rows(store).tolist() == []
    published = load_run(variation(runs["full"], tmp_path / "published", labelled_frames="published"))
    expected = store.labelled_rows(4, 3, published=True).tolist()
    assert published.labelled_rows(store).tolist() == expected != full.labelled_rows(store).tolist()
    named = variation(runs["full"], tmp_path / "named", labels=2)
    (named / "config.json").write_text(json.dumps({"label_rows": [1, 11]}))
    assert load_run(named).labelled_rows(store).tolist() == [1, 11]
    both = labelled_by_any([full, load_run(named)], store)
    assert both.tolist() == sorted({1, 11, *store.labelled_rows(4, 3).tolist()})


def test_predictions_are_those_of_an_evaluation(store, runs):
    predictions = predict_split(load_run(runs["full"]), store)
    stored = json.loads((runs["full"] / "metrics.json").read_text())["test"]
    assert predictions.metrics.mean_error_mm == pytest.approx(stored["mean_error_mm"])
    assert list(predictions.metrics.by_person) == ["seen", "unseen"]
    np.testing.assert_array_equal(predictions.truth, store.test.joints[:, 0])


def test_only_usable_labelled_frames_count(store, runs):
    valid, labelled = store.test.valid.copy(), store.test.labelled.copy()
    valid[3, 0] = labelled[8] = False
    joints = store.test.joints.copy()
    joints[8] = np.nan
    test = dataclasses.replace(store.test, valid=valid, labelled=labelled, joints=joints)
    own = dataclasses.replace(store, test=test)
    predictions = predict_split(load_run(runs["full"]), own)
    assert predictions.rows.tolist() == [0, 1, 2, 4, 5, 6, 7, 9]
    expected = evaluate_split(runs["full"] / "model.safetensors", own, "test").metrics
    assert predictions.metrics.mean_error_mm == pytest.approx(expected.mean_error_mm)


def test_runs_are_found_at_any_depth(runs, tmp_path):
    first = variation(runs["full"], tmp_path / "sweep" / "a" / "b")
    second = variation(runs["full"], tmp_path / "sweep" / "c")
    assert find_runs([tmp_path / "sweep", first]) == [first, second, first]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no finished run"):
        find_runs([tmp_path / "empty"])


def test_the_store_is_the_one_of_the_runs_unless_named(store, runs, tmp_path):
    own = load_runs(list(runs.values()))
    assert store_of(own).folder == store.folder
    elsewhere = variation(runs["full"], tmp_path / "elsewhere")
    (elsewhere / "config.json").write_text(json.dumps({"recording": str(tmp_path)}))
    with pytest.raises(UserError, match="--data"):
        store_of([*own, load_run(elsewhere)])
    assert store_of([*own, load_run(elsewhere)], store.folder).folder == store.folder
    (elsewhere / "config.json").unlink()
    with pytest.raises(UserError, match="--data"):
        store_of([load_run(elsewhere)])


def test_other_joints_are_refused(store, runs):
    run = load_run(runs["full"])
    config = type(run.config)(network=run.config.network, skeleton="icvl16")
    with pytest.raises(UserError, match=r"predicts the joints 'icvl16'.* has 'nyu14'"):
        store_of([dataclasses.replace(run, config=config)])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "no finished run"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"x"), "no complete safetensors file"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json is damaged"),
        (lambda folder: variation(folder, folder, labels=None), "does not tell variant, labels and seed"),
        (lambda folder: variation(folder, folder, variant="best"), "unknown variant 'best'"),
    ],
)
def test_damaged_runs_are_one_clear_sentence(runs, tmp_path, damage, message):
    folder = variation(runs["full"], tmp_path / "run")
    damage(folder)
    with pytest.raises(UserError, match=message):
        load_runs([folder])
