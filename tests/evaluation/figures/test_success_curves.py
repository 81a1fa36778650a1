import numpy as np
import pytest
import torch
from PIL import Image

from murauer.errors import UserError
from murauer.evaluation.figures.drawing import save_figure
from murauer.evaluation.figures.success_curves import success_curve_figure
from murauer.evaluation.metrics import PoseMetrics, pose_metrics


@pytest.fixture
def results() -> dict[str, PoseMetrics]:
    generator = torch.Generator().manual_seed(4)
    errors = torch.rand(200, 14, generator=generator, dtype=torch.float64) * 30
    return {"worse": pose_metrics(errors * 2), "better": pose_metrics(errors)}


@pytest.mark.parametrize("kind", ["frames_worst", "frames_mean", "joints"])
def test_curves_show_the_shares_with_the_best_first(results, kind):
    (axes,) = success_curve_figure(results, kind).axes
    better, worse = axes.get_lines()
    assert better.get_label() == f"better ({results['better'].mean_error_mm:.2f} mm)"
    for line, name in ((better, "better"), (worse, "worse")):
        np.testing.assert_allclose(line.get_xdata(), np.arange(81))
        np.testing.assert_allclose(line.get_ydata(), 100 * getattr(results[name], kind).shares)
    assert "(mm)" in axes.get_xlabel()
    assert axes.get_ylabel().startswith("Joints" if kind == "joints" else "Frames")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        line.get_label() for line in (better, worse)
    ]


def test_png_and_svg_files(tmp_path, results):
    save_figure(success_curve_figure(results), tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as image:
        assert min(image.size) > 600
        assert len(image.convert("RGB").getcolors(1 << 20) or ()) > 10
    save_figure(success_curve_figure(results), tmp_path / "curves.svg")
    save_figure(success_curve_figure(results), tmp_path / "again.svg")
    assert (tmp_path / "curves.svg").read_bytes().lstrip().startswith(b"<?xml")
    assert (tmp_path / "curves.svg").read_bytes() == (tmp_path / "again.svg").read_bytes()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("curves", "ends in"), ("curves.docx", "ends in"), ("file/c.png", "cannot write")],
)
def test_what_cannot_be_written_is_told(tmp_path, results, name, expected):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=expected):
        save_figure(success_curve_figure(results), tmp_path / name)


def test_nothing_to_draw_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no result"):
        save_figure(success_curve_figure({}), tmp_path / "curves.png")
