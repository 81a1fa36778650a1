"""The tool that makes mutants: each is one fault, which reaches all that was imported from the file."""

import ast
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

from murauer.geometry import hand_size
from murauer.geometry.camera import Camera
from murauer.nets import joints
from murauer.training.losses import pose_loss

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from mutants import SOURCE, TESTS, changes, code_of, infect, mutants_of, parse


def test_all_of_geometry_is_mutated() -> None:
    files = {path.relative_to(SOURCE).as_posix() for path in (SOURCE / "geometry").glob("[!_]*.py")}
    assert files == {file for file in TESTS if file.startswith("geometry/")}
    tests = {test for names in TESTS.values() for test in names}
    assert not [test for test in tests if not (SOURCE.parents[1] / "tests" / test).exists()]


@pytest.mark.parametrize(
    ("source", "faults"),
    [
        ("a < b <= c", ["a <= b <= c", "a < b < c"]),
        ("a is not b or c", ["a is not b and c", "a is b or c"]),
        ("-x", ["--x"]),
        ("x[1:] + 2.0 // y", ["x[1:] - 2.0 // y", "x[1:] + 2.0 * y", "x[1:] + 3.0 // y", "x[2:] + 2.0 // y"]),
        ("f(0.0, True, 'a', None)", ["f(1.0, True, 'a', None)", "f(0.0, False, 'a', None)"]),
        ("def f() -> 3:\n    return x", ["def f() -> 3:\n    return None"]),
        ("def f():\n    return", []),
    ],
)
def test_faults(source: str, faults: list[str]) -> None:
    found = []
    for number, node in enumerate(ast.walk(ast.parse(source))):
        for way in range(len(list(changes(node)))):
            tree = ast.parse(source)
            list(changes(list(ast.walk(tree))[number]))[way]()
            found.append(ast.unparse(tree))
    annotation = {"def f() -> 4:\n    return x"}  # left out of a file's
    assert sorted(set(found) - annotation) == sorted(faults)


def in_a_fork(work: Callable[[], bool]) -> bool:
    child = os.fork()
    if not child:
        try:
            os._exit(0 if work() else 1)
        finally:
            os._exit(2)
    return os.waitpid(child, 0)[1] == 0


def check_after(file: str, fault: str, check: Callable[[], bool]) -> bool:
    mutant = next(each for each in mutants_of(file) if each.fault.startswith(fault))
    infect(file, code_of(mutant))
    return check()


def test_a_fault_is_everywhere() -> None:
    cases: list[tuple[str, str, Callable[[], bool]]] = [
        ("training/losses.py", "return ", lambda: pose_loss(*[torch.zeros(1, 1, 3)] * 2) is None),
        (
            "geometry/hand_size.py",
            "0.6 -> 0.8999999999999999",
            lambda: joints.SMALLEST_HAND == hand_size.SMALLEST_HAND > 0.8,
        ),
        (
            "geometry/camera.py",
            "return np.array([self.fx",
            lambda: Camera(1, 1, 0, 0).intrinsics_array() is None,
        ),
    ]
    for file, fault, check in cases:
        assert not check(), fault
        assert in_a_fork(partial(check_after, file, fault, check)), fault
        assert not check(), fault


def test_a_file_as_it_is_changes_nothing() -> None:
    def unchanged() -> bool:
        infect("geometry/camera.py", compile(parse("geometry/camera.py")[0], "camera.py", "exec"))
        return Camera(2.0, 1, 0, 0).intrinsics_array().tolist() == [2, 1, 0, 0]

    assert in_a_fork(unchanged)
