import dataclasses
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

from murauer.errors import UserError
from murauer.evaluation.report import write_report
from murauer.evaluation.runs import load_runs
from murauer.inference.frames import predict_frames
from murauer.nets.model_file import load_model, read_tensors, write_tensors

VOID = {"meta", "img", "br"}
FACTS = {"Command": "murauer demo", "Note": "n < 5 & more"}


class Page(HTMLParser):
    """What a test needs to know of a page; fails where an element is not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.rows: list[list[str]] = []
        self.words: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")
        if tag in ("h2", "figcaption", "dt", "dd", "p"):
            self.words.setdefault(tag, []).append("")

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        for tag in self._open:
            if tag in ("th", "td"):
                self.rows[-1][-1] += data
            if tag in self.words:
                self.words[tag][-1] += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


@pytest.fixture(scope="module")
def page(store, runs, tmp_path_factory) -> Page:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, store, load_runs(list(runs.values())), facts=FACTS)
    return Page(path.read_text(encoding="utf-8"))


def test_page_needs_nothing_but_itself(page):
    assert not {"script", "link", "iframe", "object", "embed", "video"} & {tag for tag, _ in page.elements}
    assert "@import" not in page.text
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "srcset", "poster", "data", "xlink:href"):
            target = attributes.get(name, "#")
            assert target.startswith(("#", "data:image/png;base64,")), (tag, target[:80])
    assert set(re.findall(r"url\((.)", page.text)) <= {"#"}
    assert "http:" not in page.text and "https:" not in page.text
    assert len(page.text.encode()) < 4_000_000


def test_every_reference_within_the_page_is_met_once(page):
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] for _, attributes in page.elements if "href" in attributes]
    used = {link[1:] for link in links if link.startswith("#")}
    used |= set(re.findall(r"url\(#([^)]*)\)", page.text))
    assert used and used <= set(ids)


def test_page_follows_dark_mode_and_narrow_screens(page):
    assert "prefers-color-scheme: dark" in page.text
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in page.elements
    # Text and axes of the figures take the page's colours; black or white would vanish in one of the schemes.
    figures = "".join(re.findall(r"<svg.*?</svg>", page.text, flags=re.DOTALL))
    assert "currentColor" in figures and "#000000" not in figures and "#ffffff" not in figures


def test_all_sections_are_there_with_captions(page):
    assert page.words["h2"] == [
        "Results", "Two domains", "Predictions", "Best and worst frames", "Success curves", "Predicted views",
        "Latent alignment", "Neighbourhoods", "How this came about",
    ]  # fmt: skip
    assert sum("Look for:" in text for text in page.words["p"]) == 9
    assert page.count("img") == 8 * 2 + 6 * 3 + 2 * 4 * 3 + 4 * 5  # inputs, predictions, extremes, views
    assert page.count("svg") == 2 + 2 + 1 + 1  # curves, planes, distances, t-SNE
    assert page.count("image") == 2 * 10  # depth images of all ten pairs beside the t-SNE
    assert "Left out" not in page.words["dt"]
    for tag, attributes in page.elements:
        assert tag != "img" or attributes["alt"]
        assert tag != "svg" or attributes["aria-label"]


def test_headline_table_holds_the_stored_numbers(page, runs):
    stored = [json.loads((folder / "metrics.json").read_text()) for folder in runs.values()]
    titles = ["Synth only", "Real&Synth", "Real&Synth | Full"]
    baseline = stored[1]["test"]["mean_error_mm"]
    for row, title, values in zip(page.rows[1:4], titles, stored, strict=True):
        test, change = values["test"], 100 * (values["test"]["mean_error_mm"] - baseline) / baseline
        assert row == [
            title,
            str(values["n_labelled"]),
            f"{test['mean_error_mm']:.2f}",
            "–" if title == "Real&Synth" else f"{change:+.1f} %".replace("-", "−"),
            f"{test['by_person']['seen']['mean_error_mm']:.2f}",
            f"{test['by_person']['unseen']['mean_error_mm']:.2f}",
            f"{100 * test['frames_worst_under'][20]:.1f} %",
            f"{100 * test['frames_worst_under'][40]:.1f} %",
        ]
    assert f"{stored[2]['test']['mean_error_mm']:.2f} mm" in page.words["p"][0]


def test_shown_frames_go_from_easy_to_hard(page, store, runs):
    errors = {}
    for name in ("real_and_synth", "full"):
        network, _ = load_model(runs[name])
        distance = np.linalg.norm(
            predict_frames(network, store.test, 300.0) - store.test.joints[:, 0], axis=-1
        )
        errors[name] = distance.mean(axis=1)
    ranked = np.argsort(errors["full"])
    labels = ("Easy", "Easy", "Typical", "Typical", "Hard", "Hard")
    expected = [
        f"{label}: Real&Synth {errors['real_and_synth'][row]:.1f} mm, "
        f"Real&Synth | Full {errors['full'][row]:.1f} mm"
        for label, row in zip(labels, ranked[[0, 1, 4, 4, 7, 8]], strict=True)
    ]
    assert page.words["figcaption"][:6] == expected
    best, worst = ranked[[0, 1, 2, 3]], ranked[[-1, -2, -3, -4]]
    for caption, row in zip(page.words["figcaption"][6:], (*best, *worst), strict=True):
        assert caption.startswith(f"Error {errors['full'][row]:.1f} mm; nearest ")


def test_facts_are_listed_and_escaped(page):
    facts = dict(zip(page.words["dt"], page.words["dd"], strict=True))
    assert facts["Command"] == "murauer demo"
    assert facts["Note"] == "n < 5 & more" and "n &lt; 5 &amp; more" in page.text
    assert "real 12 × 3" in facts["Store (frames × cameras)"]
    assert torch.__version__ in facts["Software"]


def test_same_input_gives_the_same_page(page, store, runs, tmp_path):
    write_report(tmp_path / "again.html", store, load_runs(list(runs.values())), facts=FACTS)
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == page.text


def report(path, store, folders) -> Page:
    write_report(path, store, load_runs([str(folder) for folder in folders]))
    return Page(path.read_text(encoding="utf-8"))


def test_without_view_prediction_there_is_no_such_section(store, runs, tmp_path):
    page = report(tmp_path / "report.html", store, [runs["synth_only"], runs["real_and_synth"]])
    assert "Predicted views" not in page.words["h2"]
    assert "Left out" not in page.words["dt"]


def test_what_the_store_has_nothing_for_is_left_out_and_told(store, runs, tmp_path):
    poor = dataclasses.replace(store, pairs=None, validation_pairs=None, view_pair=None)
    page = report(tmp_path / "report.html", poor, [runs["full"]])
    assert page.words["h2"] == [
        "Results", "Predictions", "Best and worst frames", "Success curves", "How this came about"
    ]  # fmt: skip
    left_out = dict(zip(page.words["dt"], page.words["dd"], strict=True))["Left out"]
    assert left_out.count("has no twin frames") == 1 and "are of one camera" in left_out


def test_several_numbers_of_labels_are_drawn_as_a_curve(store, runs, tmp_path):
    tensors, metadata = read_tensors(runs["full"] / "model.safetensors")
    facts = json.dumps(json.loads(metadata["facts"]) | {"labels": 8})
    write_tensors(tmp_path / "more" / "model.safetensors", tensors, metadata | {"facts": facts})
    page = report(tmp_path / "report.html", store, [runs["full"], tmp_path / "more"])
    assert "Labels and errors" in page.words["h2"]
    assert [row[0] for row in page.rows[1:3]] == ["Real&Synth | Full, n = 4", "Real&Synth | Full, n = 8"]


def test_a_report_needs_runs_and_labelled_test_frames(store, runs, tmp_path):
    path = tmp_path / "report.html"
    with pytest.raises(UserError, match="at least one"):
        write_report(path, store, [])
    with pytest.raises(UserError, match="no test frames"):
        report(path, dataclasses.replace(store, test=None), [runs["full"]])
    bare = dataclasses.replace(store.test, labelled=np.zeros(10, bool))
    with pytest.raises(UserError, match="have no labels"):
        report(path, dataclasses.replace(store, test=bare), [runs["full"]])
    assert not path.exists()
