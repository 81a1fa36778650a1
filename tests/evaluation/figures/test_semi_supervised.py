import pytest

from murauer.evaluation.figures.published import published_results
from murauer.evaluation.figures.semi_supervised import (
    Measurement,
    curves,
    semi_supervised_figure,
    semi_supervised_rows,
)

OWN = [
    Measurement("Full", 100, 0, 14.0),
    Measurement("Full", 10, 0, 18.0),
    Measurement("Full", 100, 1, 16.0),
    Measurement("Synth only", 0, 0, 25.0),
]


def lines(axes):
    handles, labels = axes.get_legend_handles_labels()
    return {
        label: getattr(handle, "lines", (handle,))[0] for handle, label in zip(handles, labels, strict=True)
    }


def test_seeds_are_averaged_and_counts_ascend():
    assert curves(OWN) == {"Synth only": {0: [25.0]}, "Full": {10: [18.0], 100: [14.0, 16.0]}}
    (axes,) = semi_supervised_figure(OWN, published_results(), "NYU", comparable=True).axes
    drawn = lines(axes)
    assert drawn["Full"].get_xdata().tolist() == [10, 100]
    assert drawn["Full"].get_ydata().tolist() == [18.0, 15.0]
    assert set(drawn["Synth only, n = 0"].get_ydata()) == {25.0}  # a level line
    assert set(drawn["MURAUER, Synth only (published), n = 0"].get_ydata()) == {21.3}
    assert drawn["LSPS (published)"].get_ydata()[0] == 16.7
    assert drawn["MURAUER (published)"].get_ydata()[1] == 12.172
    assert axes.get_xscale() == "log" and "(mm)" in axes.get_ylabel()


def test_deviation_of_seeds_is_drawn():
    (axes,) = semi_supervised_figure(OWN, None, "mine", comparable=False).axes
    full = next(container for container in axes.containers if container.get_label() == "Full")
    (bars,) = full.lines[2]
    assert bars.get_segments()[1][:, 1] == pytest.approx([15 - 2**0.5, 15 + 2**0.5])


def test_other_data_are_drawn_apart():
    own, known = semi_supervised_figure(OWN, published_results(), "mine", comparable=False).axes
    assert set(lines(own)) == {"Full", "Synth only, n = 0"} and own.get_title() == "mine"
    assert len(lines(known)) == 5 and all("published" in name for name in lines(known))
    (alone,) = semi_supervised_figure([], published_results(), "NYU", comparable=True).axes
    assert len(lines(alone)) == 5


def test_styles_tell_methods_apart_without_colour():
    own = [Measurement(f"own {index}", 10, 0, 10.0 + index) for index in range(6)]
    (axes,) = semi_supervised_figure(own, published_results(), "NYU", comparable=True).axes
    markers = [line.get_marker() for line in lines(axes).values()]
    looks = [(line.get_marker(), line.get_linestyle(), line.get_color()) for line in lines(axes).values()]
    assert len(set(looks)) == 11 and len(set(markers)) >= 7


def test_rows_hold_everything_with_its_source():
    rows = semi_supervised_rows(OWN, published_results())
    assert [(row["method"], row["n_labelled"], row["seed"]) for row in rows[:4]] == [
        (m.method, m.n_labelled, m.seed) for m in OWN
    ]
    others = {"PreView", "Crossing Nets", "LSPS", "MURAUER", "MURAUER, Synth only"}
    assert {row["method"] for row in rows[4:]} == others
    assert all(row["kind"] == "published" and row["source"] for row in rows[4:])
