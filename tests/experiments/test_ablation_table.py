import csv
import json
import statistics
from datetime import UTC, datetime

import pytest
import torch

from murauer.evaluation.figures.published import PublishedPoint, PublishedSeries
from murauer.evaluation.metrics import pose_metrics
from murauer.experiments.ablation_figure import ablation_figure
from murauer.experiments.ablation_table import (
    comparison_table,
    markdown_table,
    summarise,
    sweep_results,
    sweep_rows,
    write_ablation,
)
from murauer.provenance import provenance
from murauer.sweeps.sweep import Sweep
from murauer.training.variants import VARIANTS

ERRORS = {
    ("synth_only", 0): (20.0, 22.0, 21.0),
    ("real_and_synth", 100): (16.0, 17.0, 15.0),
    ("real_and_synth", 5000): (10.0,),
    ("full", 100): (12.0, 13.0, 14.0),
    ("full", 10): (18.0,),
}


@pytest.fixture
def results():
    """What a sweep gives, in no order; every frame of the unseen person is 2 mm worse."""
    stored = []
    for (variant, n), means in reversed(ERRORS.items()):
        for seed, mean in enumerate(means):
            errors = torch.tensor([[mean - 1.0]] * 3 + [[mean + 1.0]] * 3, dtype=torch.float64)
            metrics = pose_metrics(errors, ["palm"], ["seen"] * 3 + ["unseen"] * 3)
            stored.append({"variant": variant, "n_labelled": n, "seed": seed, "test": metrics.to_dict()})
    return sweep_results(Sweep(stored, {}), "test")


def test_results_come_in_the_order_of_the_paper(results):
    assert [(r.variant, r.n_labelled, r.seed) for r in results] == [
        *(("synth_only", 0, seed) for seed in range(3)),
        *(("real_and_synth", 100, seed) for seed in range(3)),
        ("real_and_synth", 5000, 0),
        ("full", 10, 0),
        *(("full", 100, seed) for seed in range(3)),
    ]
    first = results[0]
    assert first.measures == {
        "mean_error_mm": 20.0, "seen_mm": 19.0, "unseen_mm": 21.0, "frames_under_20mm": 0.5,
        "frames_under_40mm": 1.0,
    }  # fmt: skip


def test_means_and_deviations_over_seeds(results):
    by_key = {(s.variant, s.n_labelled): s for s in summarise(results)}
    for key, means in ERRORS.items():
        assert by_key[key].seeds == tuple(range(len(means)))
        assert by_key[key].mean["mean_error_mm"] == pytest.approx(statistics.mean(means))
        deviation = statistics.stdev(means) if len(means) > 1 else None
        assert by_key[key].std.get("mean_error_mm") == pytest.approx(deviation)
        assert by_key[key].mean["unseen_mm"] == pytest.approx(statistics.mean(means) + 1)


def test_markdown_has_a_row_a_variant_and_a_column_an_n(results):
    assert markdown_table(summarise(results)).splitlines() == [
        "| Variant | n = 0 | n = 10 | n = 100 | n = 5,000 |",
        "|---|---:|---:|---:|---:|",
        "| Synth only | 21.00 ± 1.00 | – | – | – |",
        "| Real&Synth | – | – | 16.00 ± 1.00 | 10.00 |",
        "| Real&Synth \\| Full | – | 18.00 | 13.00 ± 1.00 | – |",
    ]


def test_comparison_gives_ratio_and_way_to_the_floor(results):
    # 13 / 16, and (16 - 13) / (16 - 10) of the way; the floor is 10 / 16.
    assert comparison_table(summarise(results)).splitlines()[2:] == [
        "| Real&Synth \\| Full | 0.812 (50 %) | – |",
        "| Real&Synth, most labels | 0.625 | 1.000 |",
    ]


def test_files_agree_with_each_other(results, tmp_path):
    out = tmp_path / "results"
    summaries = summarise(results)
    facts = ["Config `small`."]
    write_ablation(results, out, "test", provenance(), command="python -m sweep --seeds 0", facts=facts)
    assert {path.name for path in out.iterdir()} == {
        f"ablation.{s}" for s in ("csv", "json", "md", "svg", "png")
    }
    with (out / "ablation.csv").open() as file:
        rows = list(csv.DictReader(file))
    stored = json.loads((out / "ablation.json").read_text())
    assert len(rows) == len(stored["results"]) == sum(map(len, ERRORS.values()))
    assert [float(row["mean_error_mm"]) for row in rows] == [r["mean_error_mm"] for r in stored["results"]]
    assert stored["split"] == "test"
    assert [s["mean"] for s in stored["summaries"]] == [s.mean for s in summaries]
    text = (out / "ablation.md").read_text()
    assert markdown_table(summaries) in text and comparison_table(summaries) in text
    assert "over 1–3 seeds" in text and "Person not in the training set" in text
    # The page tells by itself how it was made.
    assert text.startswith("# Ablation") and "\n\n    python -m sweep --seeds 0\n\n" in text
    assert f"on {datetime.now(UTC):%Y-%m-%d} (UTC)" in text and "Config `small`." in text
    assert "](ablation.svg)" in text


def test_rows_hold_trainings_means_and_published_errors(results):
    published = PublishedSeries(
        "Full", tuple(PublishedPoint(n, e, "plot") for n, e in ((100, 12.5), (7, 9.0)))
    )
    rows = sweep_rows(results, {"full": published})
    kinds = [row["kind"] for row in rows]
    assert [kinds.count(kind) for kind in ("run", "mean", "published")] == [11, 5, 2]
    (mean,) = [
        row for row in rows if row["kind"] == "mean" and row["variant"] == "full" and row["n_labelled"] == 100
    ]
    assert (mean["mean_error_mm"], mean["std_mean_error_mm"], mean["seeds"]) == (13.0, 1.0, 3)
    assert (mean["unseen_mm"], mean["published_mm"]) == (14.0, 12.5)
    assert [row for row in rows if "published_mm" in row] == [mean]
    assert rows[-1]["mean_error_mm"] == 9.0 and rows[-1]["source"] == "plot"


def test_figure_has_a_point_a_mean_and_a_level_without_labels():
    figure = ablation_figure({"synth_only": {0: [20.0, 22.0]}, "full": {100: [12.0, 14.0], 10: [18.0]}})
    (axes,) = figure.axes
    (level,) = [line for line in axes.lines if line.get_label() == "Synth only, n = 0"]
    assert list(level.get_ydata()) == [21.0, 21.0]
    (container,) = axes.containers
    line, _, (bars,) = container
    assert sorted(line.get_ydata().tolist()) == [13.0, 18.0]
    assert sorted(line.get_xdata().tolist()) == pytest.approx([10, 100], rel=0.02)
    ends = sorted(segment[:, 1].tolist() for segment in bars.get_segments())
    spread = 2**0.5  # standard deviation of 12 and 14
    assert ends == [pytest.approx([13 - spread, 13 + spread]), [18.0, 18.0]]
    assert axes.get_xscale() == "log" and axes.get_xticks().tolist() == [10, 100]


def test_variants_look_the_same_in_every_figure_and_different_in_one():
    errors = {name: {10: [20.0], 100: [15.0]} for name in VARIANTS if VARIANTS[name].real}
    (axes,) = ablation_figure(errors).axes
    lines = [container[0] for container in axes.containers]
    styles = [(line.get_color(), line.get_marker(), line.get_linestyle()) for line in lines]
    assert len(set(styles)) == len(errors) and len({marker for _, marker, _ in styles}) == len(errors)
    (alone,) = ablation_figure({"full": {10: [20.0]}}).axes
    full = alone.containers[0][0]
    assert (full.get_color(), full.get_marker(), full.get_linestyle()) == styles[list(errors).index("full")]


def test_published_errors_are_drawn_hollow_in_the_same_colour():
    published = PublishedSeries(
        "Full", (PublishedPoint(10, 16.4, "plot"), PublishedPoint(72_757, 9.5, "table"))
    )
    (axes,) = ablation_figure({"full": {10: [20.0]}}, {"full": published}, "NYU").axes
    (line,) = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert line.get_xydata().tolist() == [[10, 16.4], [72_757, 9.5]]
    assert line.get_color() == axes.containers[0][0].get_color()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["Real&Synth | Full", "published"]
    assert axes.get_title() == "NYU"


def test_tick_labels_do_not_run_into_each_other():
    (axes,) = ablation_figure({"full": {n: [20.0] for n in (10, 100, 1_000, 1_200)}}).axes
    assert axes.get_xticks().tolist() == [10, 100, 1_200]
