"""Where files come from: the same for equal work, read without git and without another process."""

import shutil
import subprocess
import threading
from pathlib import Path

import msgspec
import pytest

import murauer.provenance
from murauer.errors import UserError
from murauer.provenance import Provenance, _commit, decode_provenance, encode_provenance, provenance
from murauer.version import __version__

COMMIT = "4cf2eba0614d3ecaaf30e0e24cb2334f1a18261c"


@pytest.fixture
def nothing_is_kept() -> None:
    for function in (murauer.provenance.processor, murauer.provenance._instructions, _commit):
        function.cache_clear()


def test_it_says_what_made_a_file(nothing_is_kept: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    made = provenance(data="d", inputs={"start": "s"}, seed=3, config={"a": 1})
    assert (made.murauer, made.device, made.processes) == (__version__, "cpu", 1)
    assert made.libraries.keys() >= {"numpy", "onnxruntime", "torch"} and made.threads >= 1
    assert made.processor and made.instructions.endswith("ONEDNN_MAX_CPU_ISA=AVX2")
    murauer.provenance._instructions.cache_clear()
    told = made.words()
    assert told["made from"] == "start s" and told["seed"] == "3" and __version__ in told["software"]


def test_it_is_the_same_for_equal_work_and_survives_a_file() -> None:
    made = provenance(data="d", seed={"a": 1, "b": None}, config={"a": 1})
    assert made == provenance(data="d", seed={"a": 1, "b": None}, config={"a": 1})
    assert decode_provenance(encode_provenance(made), Path("m")) == made
    assert decode_provenance(None, Path("m")) is None


@pytest.mark.parametrize("text", ["", "[]", '{"threads": -1}', '{"earlier": [{"seed": "x"}]}'])
def test_a_damaged_one_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="the provenance in m is damaged"):
        decode_provenance(text, Path("m"))


def test_no_process_and_no_thread_is_started(nothing_is_kept: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process is started")

    monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
    before = threading.active_count()
    provenance()
    assert threading.active_count() == before


def test_where_the_system_does_not_tell(
    nothing_is_kept: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(murauer.provenance, "PROCESSOR", tmp_path / "none")
        assert provenance().processor and provenance().instructions
    murauer.provenance.processor.cache_clear()
    murauer.provenance._instructions.cache_clear()


def checkout(root: Path, **files: str) -> Path:
    """A package in a checkout whose folder .git has these files, of which names have __ for /."""
    for name, text in files.items():
        path = root / ".git" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root / "src" / "murauer" / "provenance.py"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"HEAD": COMMIT}, COMMIT),
        ({"HEAD": "ref: refs/heads/a/b", "refs__heads__a__b": COMMIT}, COMMIT),
        ({"HEAD": "ref: refs/heads/a", "packed-refs": f"# pack\n{COMMIT} refs/heads/a"}, COMMIT),
        ({"HEAD": "ref: refs/heads/a", "packed-refs": f"{COMMIT} refs/heads/ab"}, None),
        ({"HEAD": "ref: refs/heads/a"}, None),
        ({}, None),
    ],
)
def test_the_commit_is_read_without_git(tmp_path: Path, files: dict[str, str], expected: str | None) -> None:
    assert _commit(checkout(tmp_path, **files)) == expected


def test_the_commit_of_a_further_working_tree(tmp_path: Path) -> None:
    module = checkout(tmp_path / "tree")
    module.parents[2].mkdir()
    (tmp_path / "tree" / ".git").write_text(f"gitdir: {tmp_path / 'main' / '.git' / 'worktrees' / 'tree'}\n")
    own = {"worktrees__tree__HEAD": "ref: refs/heads/b", "worktrees__tree__commondir": "../.."}
    checkout(tmp_path / "main", refs__heads__b=COMMIT, **own)
    assert _commit(module) == COMMIT


def test_an_installed_package_is_not_of_the_checkout_around_it(tmp_path: Path) -> None:
    checkout(tmp_path, HEAD=COMMIT)
    assert _commit(tmp_path / "lib" / "murauer" / "provenance.py") is None


def test_this_checkout_says_what_git_says() -> None:
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists() or shutil.which("git") is None:
        pytest.skip("the tests are not run from a checkout, or there is no git")
    told = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True)
    _commit.cache_clear()
    assert provenance().commit == told.stdout.strip()


HERE, THERE = Provenance(murauer="1", threads=1, seed=4), Provenance(murauer="1", threads=2, seed=4)


def test_work_that_went_on_under_the_same_conditions_is_as_if_it_never_stopped() -> None:
    assert HERE.after(HERE) == HERE
    assert HERE.after(HERE).differences(HERE) == []


def test_work_that_went_on_elsewhere_says_so() -> None:
    made = msgspec.structs.replace(THERE, config={"a": 1}).after(HERE)
    assert made.earlier == (HERE,) and made.config == {"a": 1}
    assert HERE.differences(THERE) == ["threads 1, now 2"]
    assert THERE.differences(made) == ["stopped, and went on under other conditions"]
    third = HERE.after(made)
    assert [each.threads for each in third.earlier] == [1, 2] and HERE.after(third) == third
    assert "threads of each: 2" in third.words()["before it went on (2)"]


def test_what_a_file_does_not_say_is_not_taken_for_ours() -> None:
    assert HERE.after(None).earlier == (Provenance(),)
