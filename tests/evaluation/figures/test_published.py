import csv
import dataclasses

import msgspec
import pytest

from murauer.evaluation.figures.published import is_published_test_set, published_results


def test_numbers_are_those_of_the_figures(shared_dir):
    published = published_results()
    with open(shared_dir / "paper/figures.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for figure, series in (("3", published.semi_supervised), ("4", published.variants)):
        expected = [
            (row["series"], int(row["n_labelled_real"]), float(row["mean_error_mm"]), row["source"])
            for row in rows
            if row["figure"] == figure
        ]
        points = [(one.method, p.n_labelled, p.mean_error_mm, p.source) for one in series for p in one.points]
        assert points == expected
    assert published.full.method == "Real&Synth | Full"


def test_table_of_methods_is_the_papers(shared_dir):
    """Each line of Table 1 that ends in a number, whatever spelling its method has."""
    text = (shared_dir / "paper/murauer.txt").read_text(encoding="utf-8")
    lines = text[text.index("Method\tME (mm)") : text.index("Table 1:")].splitlines()[1:]
    printed = sorted(float(line.split("\t")[1]) for line in lines if "\t" in line)
    ours = [method.mean_error_mm for method in published_results().methods if method.source == "table 1"]
    assert len(ours) == 19 and sorted(ours) == printed


def test_every_number_has_a_source():
    published = published_results()
    assert all(method.source and method.venue for method in published.methods)
    points = [p for one in (*published.semi_supervised, *published.variants) for p in one.points]
    assert all(point.source for point in points) and published.source.startswith("Poier")


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("DeepPrior++", 12.3), ("deepprior++", 12.3), ("feature mapping", 7.4), ("V2V PoseNet", 8.4),
        ("MURAUER n=100", 12.172), ("MURAUER, n = 10", 16.377), ("MURAUER", 9.5), ("DeepPrior", None),
    ],
)  # fmt: skip
def test_methods_are_found_however_they_are_spelt(name, error):
    assert published_results().find(name) == error


def test_only_the_whole_nyu_test_set_is_the_published_one(store):
    def with_test(dataset, frames):
        test = dataclasses.replace(store.test, depth=store.test.depth[[0] * frames])
        return dataclasses.replace(
            store, test=test, manifest=msgspec.structs.replace(store.manifest, dataset=dataset)
        )

    assert is_published_test_set(with_test("nyu", 8252))
    assert not is_published_test_set(with_test("nyu", 8251))
    assert not is_published_test_set(with_test("icvl", 8252))
    assert not is_published_test_set(store)
