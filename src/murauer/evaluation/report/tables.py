"""The headline table and the facts: every number as it was stored."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from murauer.evaluation.runs import Predictions, provenance_of
from murauer.store.manifest import CENTRES
from murauer.store.store import Store

BASELINE = "real_and_synth"
"""What the others are compared with."""

MINUS = "\N{MINUS SIGN}"


def headline(results: Sequence[Predictions]) -> dict[str, Any]:
    """Compare the runs on the test split: a table, its best row, and errors as shares of the worst."""
    baseline = next((own for own in results if own.run.name == BASELINE), None)
    persons = list(dict.fromkeys(name for own in results for name in own.metrics.by_person))
    errors = [own.metrics.mean_error_mm for own in results]
    heads = [
        "Variant",
        "Labelled real frames",
        "Mean error (mm)",
        *([f"Against {baseline.run.title}"] if baseline else []),
        *(f"{person_title(name)} (mm)" for name in persons),
        "Frames with worst joint <\N{NO-BREAK SPACE}20\N{NO-BREAK SPACE}mm",
        "Frames with worst joint <\N{NO-BREAK SPACE}40\N{NO-BREAK SPACE}mm",
    ]
    rows = []
    for own in results:
        by_person = own.metrics.by_person
        rows.append([
            own.run.title,
            f"{own.run.labels:,}",
            f"{own.metrics.mean_error_mm:.2f}",
            *([relative_change(own, baseline)] if baseline else []),
            *(f"{by_person[name].mean_error_mm:.2f}" if name in by_person else "–" for name in persons),
            *(f"{100 * own.metrics.frames_worst.at(threshold):.1f} %" for threshold in (20, 40)),
        ])  # fmt: skip
    return {
        "frames": results[0].metrics.frames,
        "heads": heads,
        "rows": rows,
        "best": errors.index(min(errors)),
        "bars": [f"{100 * error / max(errors):.0f}" for error in errors],
    }


def person_title(name: str) -> str:
    """Head a column with a person: "seen" and "unseen" are adjectives, "person 2" is not."""
    return name.capitalize() if name.startswith("person") else f"{name.capitalize()} person"


def relative_change(own: Predictions, baseline: Predictions) -> str:
    """Say how much larger or smaller the mean error is than the baseline's, in per cent."""
    if own is baseline:
        return "–"
    change = 100 * (own.metrics.mean_error_mm / baseline.metrics.mean_error_mm - 1)
    return f"{'+' if change > 0 else MINUS}{abs(change):.1f} %"


def all_facts(results: Sequence[Predictions], store: Store, facts: Mapping[str, str]) -> dict[str, str]:
    """Join the caller's facts with what store, models and machine say of themselves."""
    runs = [own.run for own in results]
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
        "Store (frames × cameras)": ", ".join(
            f"{split.replace('_', ' ')} {len(frame_set):,} × {frame_set.views}"
            for split, frame_set in store.sets.items()
        ),
        "Network input": f"{network.config.patch_size} × {network.config.patch_size} pixels of a "
        f"{store.cube_mm:.0f} mm cube",
        "Crop centre": CENTRES[store.centre_kind("test")],
        f"Parameters ({runs[-1].title})": ", ".join(
            f"{letter} {count:,}" for letter, count in counts.items()
        ),
        "Joints": f"{len(store.skeleton)} ({store.skeleton.name})",
    }
    made = provenance_of(runs, store)
    own |= {name.capitalize(): text for name, text in made.words().items() if name != "seed"}
    own |= {f"Configuration ({name})": json.dumps(config) for name, config in made.config.items() if config}
    return dict(facts) | {name: text for name, text in own.items() if name not in facts}
