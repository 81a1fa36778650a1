"""The headline table and the facts: every number as it was stored."""

import html
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version

import torch

from murauer.data.recording import Recording
from murauer.evaluation.report.page import data_table
from murauer.evaluation.report.runs import BASELINE, Run

MINUS = "\N{MINUS SIGN}"


def headline_table(runs: Sequence[Run]) -> str:
    """Compare the variants on the test split."""
    baseline = next((run for run in runs if run.name == BASELINE), None)
    worst = max(run.metrics.mean_error_mm for run in runs)
    heads = [
        "Variant",
        "Labelled real frames",
        "Mean error (mm)",
        *(["Against Real&Synth"] if baseline else []),
        "Seen person (mm)",
        "Unseen person (mm)",
        "Frames with worst joint <\N{NO-BREAK SPACE}20\N{NO-BREAK SPACE}mm",
        "Frames with worst joint <\N{NO-BREAK SPACE}40\N{NO-BREAK SPACE}mm",
    ]
    rows = []
    for run in runs:
        error = run.metrics.mean_error_mm
        bar = f'<span class="bar"><i style="width: {100 * error / worst:.0f}%"></i></span>'
        rows.append([
            html.escape(run.title),
            f"{run.labels:,}",
            f"{error:.2f}{bar}",
            *([relative_change(run, baseline)] if baseline else []),
            _person_error(run, "seen"),
            _person_error(run, "unseen"),
            *(f"{100 * run.metrics.frames_worst.at(threshold):.1f} %" for threshold in (20, 40)),
        ])  # fmt: skip
    best = min(range(len(runs)), key=lambda index: runs[index].metrics.mean_error_mm)
    return data_table(heads, rows, best)


def relative_change(run: Run, baseline: Run) -> str:
    """Say how much larger or smaller the mean error is than the baseline's, in per cent."""
    if run is baseline:
        return "–"
    change = 100 * (run.metrics.mean_error_mm / baseline.metrics.mean_error_mm - 1)
    return f"{'+' if change > 0 else MINUS}{abs(change):.1f} %"


def _person_error(run: Run, person: str) -> str:
    metrics = run.metrics.by_person.get(person)
    return f"{metrics.mean_error_mm:.2f}" if metrics else "–"


def all_facts(runs: Sequence[Run], recording: Recording, facts: Mapping[str, str]) -> list[tuple[str, str]]:
    """Join the caller's facts with what recording, models and machine say of themselves."""
    network = runs[-1].network
    parts = {
        "f": network.extractor,
        "m": network.mapping,
        "p": network.pose_head,
        "g": network.view_generator,
    }
    counts = {letter: sum(p.numel() for p in part.parameters()) for letter, part in parts.items()}
    own = {
        "Seeds of the trainings": ", ".join(f"{run.title}: {run.seed}" for run in runs),
        "Recording (frames × cameras)": ", ".join(
            f"{split.replace('_', ' ')} {len(frame_set):,} × {frame_set.views}"
            for split, frame_set in recording.sets.items()
        ),
        "Network input": f"{network.config.patch_size} × {network.config.patch_size} pixels of a "
        f"{recording.cube_mm:.0f} mm cube",
        f"Parameters ({runs[-1].title})": ", ".join(
            f"{letter} {count:,}" for letter, count in counts.items()
        ),
        "Joints": f"{len(recording.skeleton)} ({recording.skeleton.name})",
        "Software": f"murauer {version('murauer')}, PyTorch {torch.__version__}, "
        f"Python {platform.python_version()}",
        "Machine": f"{platform.system()} {platform.machine()}",
    }
    return list({**facts, **{name: text for name, text in own.items() if name not in facts}}.items())
