"""Evaluation on a set of a store: what is left out, which cube, and that it is said."""

import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from murauer.errors import UserError
from murauer.evaluation.split import evaluate_split, person_names
from murauer.inference.frames import predict_frames
from murauer.nets.model_file import load_model
from murauer.store.store import Store


def changed(store: Store, **arrays: np.ndarray) -> Store:
    return dataclasses.replace(store, test=dataclasses.replace(store.require("test"), **arrays))


def test_unusable_and_unlabelled_frames_are_left_out_and_counted(store: Store, runs: dict[str, Path]) -> None:
    test = store.require("test")
    valid, labelled, joints = test.valid.copy(), test.labelled.copy(), test.joints.copy()
    valid[[0, 7]], labelled[[3]], joints[[3]] = False, False, np.nan
    result = evaluate_split(
        runs["full"], changed(store, valid=valid, labelled=labelled, joints=joints), "test"
    )
    rows = [1, 2, 4, 5, 6, 8, 9]
    network, _ = load_model(runs["full"])
    error = np.linalg.norm(predict_frames(network, test, 300.0)[rows] - test.joints[rows, 0], axis=-1).mean()
    assert result.metrics.mean_error_mm == pytest.approx(error, abs=1e-3)
    assert result.metrics.frames == 7 and (result.unusable, result.unlabelled) == (2, 1)
    assert "left out: 2 unusable and 1 unlabelled test frames" in result.table()
    assert result.to_dict()["frames_left_out"] == {"unusable": 2, "unlabelled": 1}


def test_frames_are_evaluated_with_the_joints_that_are_labelled(store: Store, runs: dict[str, Path]) -> None:
    test = store.require("test")
    joints = test.joints.copy()
    joints[:, 0, 3], joints[2, 0, 5] = np.nan, np.nan
    result = evaluate_split(runs["full"], changed(store, joints=joints), "test")
    network, _ = load_model(runs["full"])
    distance = np.linalg.norm(predict_frames(network, test, 300.0) - joints[:, 0], axis=-1)
    assert result.metrics.frames == len(test)
    assert result.metrics.mean_error_mm == pytest.approx(np.nanmean(distance), abs=1e-3)
    names = store.skeleton.joints
    assert result.to_dict()["frames_without_joint"] == {names[3]: len(test), names[5]: 1}
    assert f"label lacks a joint: {names[3]} ({len(test)}), {names[5]} (1)" in result.table()


def test_the_smaller_cube_is_for_one_person_and_reported(store: Store, runs: dict[str, Path]) -> None:
    test = store.require("test")
    network, _ = load_model(runs["full"])
    usual = evaluate_split(runs["full"], store, "test")
    small = evaluate_split(runs["full"], store, "test", small_cube_person=1)
    second = test.person == 1
    errors = np.linalg.norm(predict_frames(network, test, 250.0)[second] - test.joints[second, 0], axis=-1)
    assert small.metrics.by_person["unseen"].mean_error_mm == pytest.approx(errors.mean(), abs=1e-3)
    assert small.metrics.by_person["seen"].mean_error_mm == usual.metrics.by_person["seen"].mean_error_mm
    assert small.metrics.mean_error_mm != usual.metrics.mean_error_mm
    assert "cube 300 mm, 250 mm for person 1" in small.table() and "250" not in usual.table()
    assert small.to_dict()["small_cube"] == {"person": 1, "mm": 250.0}
    assert usual.to_dict()["small_cube"] is None


@pytest.mark.parametrize(
    ("kind", "said"),
    [("joint", "annotated joint"), ("mean", "leaks"), ("localised", "found by the hand finder")],
)
def test_centres_are_said(store: Store, runs: dict[str, Path], kind: str, said: str) -> None:
    described = dataclasses.replace(
        store, manifest=msgspec.structs.replace(store.manifest, centres={"test": kind})
    )
    result = evaluate_split(runs["full"], described, "test")
    assert said in result.table() and result.to_dict()["centres"] == kind


ERRORS = {
    "unlabelled": (lambda r: changed(r, labelled=np.zeros(10, bool)), {}, "have no labels to compare with"),
    "no such set": (lambda r: dataclasses.replace(r, test=None), {}, "has no test frames"),
    "no such person": (lambda r: r, {"small_cube_person": 5}, "person 5 is not in the test frames .* 0, 1"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_impossible_evaluations_end_in_a_sentence(store: Store, runs: dict[str, Path], name: str) -> None:
    change, options, message = ERRORS[name]
    with pytest.raises(UserError, match=message):
        evaluate_split(runs["full"], change(store), "test", **options)


def test_persons_are_named_by_what_is_known(store: Store) -> None:
    assert person_names(store, np.array([0, 1, 1])) == ["seen", "unseen", "unseen"]
    numbers = dataclasses.replace(store, unseen_persons=frozenset())
    assert person_names(numbers, np.array([4, 2])) == ["person 4", "person 2"]
    assert person_names(numbers, np.array([4, 4])) is None
    assert person_names(store, np.array([0, -1])) is None
    assert torch.get_default_dtype() == torch.float32
