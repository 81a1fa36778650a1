import pytest
import torch

from murauer.evaluation.figures.method_comparison import (
    MeasuredMethod,
    comparison_figure,
    comparison_rows,
    comparison_table,
)
from murauer.evaluation.figures.published import published_results
from murauer.evaluation.metrics import pose_metrics


@pytest.fixture
def measured() -> list[MeasuredMethod]:
    generator = torch.Generator().manual_seed(0)
    errors = 20 * torch.rand(10, 14, generator=generator, dtype=torch.float64)
    persons = ["first"] * 4 + ["second"] * 6
    return [
        MeasuredMethod("DeepPrior++", "predictions", pose_metrics(errors, persons=persons), 12.3),
        MeasuredMethod("mine", "run", pose_metrics(errors / 2)),
    ]


def test_rows_hold_measured_and_published_errors(measured):
    published = published_results()
    first, second, *known = comparison_rows(measured, published)
    metrics = measured[0].metrics
    assert first["mean_error_mm"] == metrics.mean_error_mm and first["published_mm"] == 12.3
    assert first["first_mm"] == metrics.by_person["first"].mean_error_mm
    assert first["second_mm"] == metrics.by_person["second"].mean_error_mm
    assert second["mean_error_mm"] == pytest.approx(first["mean_error_mm"] / 2)
    assert second["published_mm"] is None and "first_mm" not in second
    assert [(row["method"], row["published_mm"]) for row in known] == [
        (method.method, method.mean_error_mm) for method in published.methods
    ]


def test_table_is_sorted_and_has_a_column_for_each_person(measured):
    heads, best, worst = comparison_table(measured).splitlines()
    assert heads.split() == ["mean", "(mm)", "published", "first", "(mm)", "second", "(mm)"]
    assert best.startswith("mine") and best.split()[2:] == ["–", "–", "–"]
    assert worst.split()[1:3] == [f"{measured[0].metrics.mean_error_mm:.3f}", "12.3"]


def points(axes):
    """Error and name of the row of each drawn point, by what the legend calls it."""
    names = [text.get_text() for text in axes.get_yticklabels()]
    return {
        (line.get_label(), names[int(line.get_ydata()[0])]): float(line.get_xdata()[0])
        for line in axes.get_lines()
    }


def test_comparable_results_share_a_panel_with_the_published(measured):
    published = published_results()
    (axes,) = comparison_figure(measured, published, "NYU", comparable=True).axes
    drawn = points(axes)
    assert drawn["prediction file, measured here", "DeepPrior++"] == measured[0].metrics.mean_error_mm
    assert drawn["published", "DeepPrior++"] == 12.3  # in the same row, not in one of its own
    assert drawn["run, measured here", "mine"] == measured[1].metrics.mean_error_mm
    assert drawn["second person", "DeepPrior++"] == measured[0].metrics.by_person["second"].mean_error_mm
    assert len(axes.get_yticks()) == len(published.methods) - 1 + 2
    rows = [error for (label, _), error in drawn.items() if label == "published"]
    assert max(rows) < axes.get_xlim()[1]


def test_results_of_other_data_have_a_panel_of_their_own(measured):
    own, known = comparison_figure(measured, published_results(), "mine", comparable=False).axes
    assert own.get_title(loc="left") == "mine" and "NYU" in known.get_title(loc="left")
    assert len(own.get_yticks()) == 2 and len(known.get_yticks()) == len(published_results().methods)
    assert own.get_xlim() == known.get_xlim() and own.get_xlim()[1] > 21.3
