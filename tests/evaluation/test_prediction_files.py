import csv

import pytest
import torch

from murauer.datasets.joint_files import read_joints
from murauer.errors import UserError
from murauer.evaluation.prediction_files import evaluate_prediction_file
from murauer.geometry.camera import CAMERAS, xyz_to_uvd

NYU = CAMERAS["nyu"]


@pytest.fixture
def ground_truth(shared_dir):
    return shared_dir / "data/nyu/nyu_test_groundtruth_label.txt"


def test_published_files_give_the_published_errors(shared_dir, ground_truth):
    folder = shared_dir / "data/nyu/predictions"
    with open(folder / "published.csv", encoding="utf-8") as file:
        published = list(csv.DictReader(file))
    assert len(published) == 5
    for row in published:
        metrics = evaluate_prediction_file(folder / row["file"], ground_truth, "uvd", NYU)
        assert metrics.mean_error_mm == pytest.approx(float(row["mean_error_mm"]), abs=0.001), row["file"]
        first = metrics.by_person["first"]
        assert first.frames == 2440
        assert first.mean_error_mm == pytest.approx(float(row["first_person_mm"]), abs=0.001), row["file"]
        assert metrics.by_person["second"].frames == 8252 - 2440
        assert list(metrics.per_joint_mm)[-1] == "PALM_3"


def test_the_same_predictions_published_in_two_formats_are_the_same_joints(shared_dir, ground_truth):
    folder = shared_dir / "data/nyu/predictions"
    uvd = read_joints(folder / "joint_pos_murauer_n100_wacv_uvd.txt", "uvd", NYU)
    xyz = read_joints(folder / "joint_pos_murauer_n100_wacv_xyz.txt", "xyz-y-up")
    torch.testing.assert_close(uvd, xyz, rtol=0, atol=1e-3)
    metrics = evaluate_prediction_file(
        folder / "joint_pos_murauer_n100_wacv_xyz.txt",
        ground_truth,
        "xyz-y-up",
        NYU,
        ground_truth_format="uvd",
    )
    assert metrics.mean_error_mm == pytest.approx(12.172, abs=0.001)


def write(path, joints, separator=" "):
    rows = joints.flatten(1).tolist()
    path.write_text("".join(separator.join(f"{value:.4f}" for value in row) + "\n" for row in rows))
    return path


@pytest.fixture
def joints() -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    spread = torch.rand(6, 16, 3, generator=generator, dtype=torch.float64)
    return spread * 200 + torch.tensor([-100.0, -100.0, 600.0])


@pytest.mark.parametrize("separator", [" ", ",", ", ", "\t"])
def test_separators_and_blank_lines_do_not_matter(tmp_path, joints, separator):
    path = write(tmp_path / "joints.txt", joints, separator)
    path.write_text("\n" + path.read_text() + "\n\n")
    torch.testing.assert_close(read_joints(path, "xyz"), joints, rtol=0, atol=1e-4)


def test_formats_describe_the_same_joints(tmp_path, joints):
    camera = CAMERAS["sr305"]
    uvd = write(tmp_path / "uvd.txt", xyz_to_uvd(joints, camera.intrinsics().double()))
    y_up = write(tmp_path / "y_up.txt", joints * torch.tensor([1, -1, 1]))
    xyz = write(tmp_path / "xyz.txt", joints + torch.tensor([3.0, 0.0, 4.0]))
    torch.testing.assert_close(read_joints(uvd, "uvd", camera), joints, rtol=0, atol=1e-3)
    torch.testing.assert_close(read_joints(y_up, "xyz-y-up"), joints, rtol=0, atol=1e-3)
    metrics = evaluate_prediction_file(xyz, uvd, "xyz", camera, ground_truth_format="uvd")
    assert metrics.mean_error_mm == pytest.approx(5, abs=1e-3)
    assert next(iter(metrics.per_joint_mm)) == "palm"  # the only skeleton of 16 joints is ICVL's
    assert not metrics.by_person


def test_ambiguous_skeletons_are_numbered_unless_named(tmp_path):
    path = write(tmp_path / "joints.txt", torch.ones(2, 21, 3))
    assert list(evaluate_prediction_file(path, path, "xyz").per_joint_mm)[:2] == ["0", "1"]
    named = evaluate_prediction_file(path, path, "xyz", skeleton="hands21")
    assert list(named.per_joint_mm)[:2] == ["wrist", "thumb_cmc"]
    with pytest.raises(UserError, match="nyu14 has 14 joints"):
        evaluate_prediction_file(path, path, "xyz", skeleton="nyu14")


def test_files_with_names_of_other_frames_are_refused(tmp_path):
    (tmp_path / "predictions.txt").write_text("a.png 1 2 600\nb.png 1 2 600\n")
    (tmp_path / "truth.txt").write_text("a.png 1 2 600\nc.png 1 2 600\n")
    (tmp_path / "bare.txt").write_text("1 2 603\n1 2 603\n")
    with pytest.raises(UserError, match=r"frame 1 is b\.png .* but c\.png"):
        evaluate_prediction_file(tmp_path / "predictions.txt", tmp_path / "truth.txt", "xyz")
    metrics = evaluate_prediction_file(tmp_path / "predictions.txt", tmp_path / "bare.txt", "xyz")
    assert metrics.mean_error_mm == pytest.approx(3)


GOOD_LINE = "1 2 600 3 4 600\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"1 2 600 3 4\n", "line 1 has 5 numbers"),
        (b"1 2 600 3 4 600\n1 2 600\n", "line 2 has 3 numbers but the first line has 6"),
        (b"1 2 600 3 nan inf\n", "line 1 holds NaN"),
        (b"nan nan nan nan nan nan\n", "line 1 holds NaN"),
        (b"1 2 600 3 4 600\n1 2 600 3 4 1e999\n", "line 2 holds NaN or infinity"),
        (b"1 2 600 3 left 600\n", "line 1: 'left' is not a number"),
        (b"1 2 600 3 4 600\na.png 1 2 600 3 4 600\n", "line 2 has a file name in front but .* has none"),
        (b"a.png 1 2 600 3 4 600\n1 2 600 3 4 600\n", "line 2 has no file name in front but .* has one"),
        (b"a.png\n", "line 1 has 0 numbers"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", "not a text file"),
    ],
)
@pytest.mark.parametrize("damaged", ["predictions", "ground_truth"])
def test_malformed_files_are_named_with_the_line(tmp_path, content, expected, damaged):
    files = {name: tmp_path / f"{name}.txt" for name in ("predictions", "ground_truth")}
    for path in files.values():
        path.write_text(GOOD_LINE)
    files[damaged].write_bytes(content)
    with pytest.raises(UserError, match=expected) as error:
        evaluate_prediction_file(**files, format="xyz")
    assert str(files[damaged]) in str(error.value)


def test_joints_without_a_label_are_left_out(tmp_path):
    (tmp_path / "predictions.txt").write_text("0 0 600 0 0 600\n0 0 600 0 0 600\n")
    (tmp_path / "truth.txt").write_text("0 0 603 nan nan nan\n0 0 601 0 5 600\n")
    metrics = evaluate_prediction_file(tmp_path / "predictions.txt", tmp_path / "truth.txt", "xyz")
    assert metrics.mean_error_mm == pytest.approx((3 + 1 + 5) / 3) and metrics.frames == 2
    with pytest.raises(UserError, match="line 1 holds NaN"):
        evaluate_prediction_file(tmp_path / "truth.txt", tmp_path / "predictions.txt", "xyz")


@pytest.mark.parametrize(
    "content",
    [
        "1,5 2,25 600 3 4 600\r\n",
        "1.5;2.25;600;3;4;600\r\n",
        "1,5;2,25;600;3;4;600\r\n",
        "1,5\t2,25\t600\t3\t4\t600\r\n",
        '"1,5";"2,25";"600";"3";"4";"600"\r\n',
        "1.5,2.25,600,3,4,600\r\n",
        "1.5, 2.25, 600, 3, 4, 600\r\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_spreadsheets_make_of_numbers_is_read(tmp_path, content, encoding):
    (tmp_path / "joints.csv").write_bytes(content.encode(encoding))
    assert read_joints(tmp_path / "joints.csv", "xyz").flatten().tolist() == [1.5, 2.25, 600, 3, 4, 600]


@pytest.mark.parametrize(
    ("predictions", "expected"),
    [
        (GOOD_LINE * 2, "2 frames but .* has 3"),
        ("1 2 600\n" * 3, "1 joints a frame but .* has 2"),
    ],
)
def test_files_of_different_frames_or_joints_are_refused(tmp_path, predictions, expected):
    (tmp_path / "predictions.txt").write_text(predictions)
    (tmp_path / "truth.txt").write_text(GOOD_LINE * 3)
    with pytest.raises(UserError, match=expected):
        evaluate_prediction_file(tmp_path / "predictions.txt", tmp_path / "truth.txt", "xyz")


def test_what_cannot_be_read_is_told(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*missing\.txt"):
        read_joints(tmp_path / "missing.txt", "xyz")
    with pytest.raises(UserError, match="cannot read"):
        read_joints(tmp_path, "xyz")
    (tmp_path / "good.txt").write_text(GOOD_LINE)
    with pytest.raises(UserError, match="needs a camera"):
        read_joints(tmp_path / "good.txt", "uvd")
    with pytest.raises(UserError, match="unknown joint format 'uvz'"):
        read_joints(tmp_path / "good.txt", "uvz")  # type: ignore[arg-type]
