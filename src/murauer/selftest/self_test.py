"""The self-test: all checks that this installation has the parts for, and the one before a first training."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from murauer.errors import UserError
from murauer.files import written_whole
from murauer.provenance import CONDITIONS, provenance
from murauer.selftest.known_hand import check_prediction
from murauer.selftest.outcome import Outcome

PYTORCH = "needs PyTorch: pip install 'murauer[train]'"
"""Why a check is left out."""

ELSEWHERE = frozenset(("device", "threads", "processes"))
"""Conditions of a result that no check depends on."""


@dataclass(frozen=True)
class Check:
    """A part of the self-test.

    Attributes:
        run: Compares.
        meaning: What it means if that fails.
        mend: What helps.
        small: Whether it works without PyTorch.
    """

    run: Callable[[], Outcome]
    meaning: str
    mend: str
    small: bool = False


def _check_layers() -> Outcome:
    from murauer.selftest.layers import check_layers  # extra

    return check_layers()


def _check_rendering() -> Outcome:
    from murauer.selftest.rendering import check_rendering  # extra

    return check_rendering()


CHECKS: Mapping[str, Check] = {
    "layers": Check(
        _check_layers,
        "PyTorch computes wrongly on this processor and a training would learn the wrong thing",
        "set ONEDNN_MAX_CPU_ISA=AVX2 and ATEN_CPU_CAPABILITY=avx2, or install the PyTorch of constraints.txt",
    ),
    "rendering": Check(
        _check_rendering,
        "synthetic frames made here are not those of other machines",
        "delete Warp's cache folder, or install the warp-lang of constraints.txt",
    ),
    "prediction by ONNX Runtime": Check(
        partial(check_prediction, "onnx"),
        "joints predicted here are wrong",
        "install murauer again, or the onnxruntime of constraints.txt",
        small=True,
    ),
    "prediction by PyTorch": Check(
        partial(check_prediction, "torch"),
        "joints predicted here are wrong",
        "install murauer again, or the PyTorch of constraints.txt",
    ),
}
"""All checks, by name."""


def self_test(checks: Mapping[str, Check] = CHECKS) -> dict[str, Outcome | None]:
    """Carry out the checks; None stands for one that is left out, since it needs PyTorch.

    Args:
        checks: By name.
    """
    able = find_spec("torch") is not None
    return {name: check.run() if able or check.small else None for name, check in checks.items()}


def require(outcomes: Mapping[str, Outcome | None], checks: Mapping[str, Check] = CHECKS) -> None:
    """Go on only if nothing failed.

    Raises:
        UserError: A check failed: by how much, what that means, what to do.
    """
    for name, outcome in outcomes.items():
        if outcome is not None and not outcome.passed:
            check = checks[name]
            raise UserError(
                f"the self-test failed in {name}: {outcome}; this means that {check.meaning}; {check.mend}, "
                "see whether 'murauer info --self-test' passes then, and report it if not"
            )


def self_test_once(checks: Mapping[str, Check] = CHECKS) -> None:
    """Carry out the checks before the first training on this machine with these versions.

    That they passed is remembered in the user's cache folder, if it can be written.

    Args:
        checks: By name.

    Raises:
        UserError: One failed.
    """
    mark = _mark()
    if mark is None or not os.path.exists(mark):  # which says no where it may not look
        outcomes = self_test(checks)
        require(outcomes, checks)
        remember(outcomes)


def remember(outcomes: Mapping[str, Outcome | None]) -> None:
    """Note that all checks passed, unless some were left out."""
    mark = _mark()
    if mark is None or None in outcomes.values():
        return
    try:
        with written_whole(mark) as path:
            path.write_text(_tested_together() + "\n", encoding="utf-8")
    except UserError:  # it is tested again the next time
        return


def _mark() -> Path | None:
    """The file that says that what is tested together passed, in the user's cache folder; None without one.

    It follows the XDG Base Directory Specification, by which relative folders are ignored.
    """
    places = os.environ.get("XDG_CACHE_HOME", ""), os.path.expanduser("~/.cache")
    root = next((Path(place) for place in places if os.path.isabs(place)), None)
    digest = hashlib.sha256(_tested_together().encode()).hexdigest()[:16]
    return None if root is None else root / "murauer" / f"self-test-{digest}.json"


def _tested_together() -> str:
    """What the outcome depends on, as JSON text."""
    made = provenance()
    return json.dumps({name: getattr(made, name) for name in CONDITIONS if name not in ELSEWHERE}, indent=1)
