"""The guide keeps up with the program: commands parse, links lead somewhere, tables name every field.

And it can be read aloud: short sentences, short pages.
"""

import ast
import re
import shlex
import tomllib
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest

from murauer.cli.main import make_parser
from murauer.prepare.rendering.simulated import SimulationConfig
from murauer.training.config import Config, config_names, load_config
from murauer.training.variants import VARIANTS
from prose import MOST_LINES, long_sentences

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


CONFIGURATION = page("configuration.md") + page("simulated_session.md")


def blocks(page: Path, language: str) -> list[str]:
    return [text for found, text in BLOCK.findall(page.read_text(encoding="utf-8")) if found == language]


INDENTED = re.compile(r"^    ((?:murauer|make) .*)$", re.MULTILINE)


def lines(page: Path) -> list[str]:
    """Lines of the blocks of commands, fenced or indented."""
    fenced = [line for block in blocks(page, "bash") for line in block.splitlines()]
    return fenced + INDENTED.findall(BLOCK.sub("", page.read_text(encoding="utf-8")))


COMMANDS = [
    (page.name, line.partition("  #")[0])
    for page in PAGES
    for line in lines(page)
    if line.startswith("murauer ") and "[" not in line
]


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_commands_are_understood(page: str, command: str) -> None:
    make_parser().parse_args(shlex.split(command)[1:])


def test_programs_and_targets_exist() -> None:
    text = "\n".join(line for page in PAGES for line in lines(page))
    text += "".join(page.read_text(encoding="utf-8") for page in PAGES if page.name != "CHANGELOG.md")
    programs = set(re.findall(r"python (?:-m pytest -q )?((?:benchmarks|docs|tests)/[\w/]+(?:\.py)?)", text))
    assert len(programs) > 10
    assert not [program for program in programs if not (ROOT / program).exists()]
    modules = set(re.findall(r"python -m (murauer[\w.]*)", text)) - {"murauer"}
    assert modules and all(find_spec(module) for module in modules)
    targets = {
        target for line in re.findall(r"^ *make ([a-z ]+?)(?:  |$)", text, re.M) for target in line.split()
    }
    rules = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test", "docs"} <= targets <= rules


def test_commands_are_found() -> None:
    assert {"README.md", "training.md", "extending.md"} <= {page for page, _ in COMMANDS}
    assert {command.split()[1] for _, command in COMMANDS} >= {
        "render",
        "train",
        "evaluate",
        "predict",
        "info",
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_can_be_read_aloud(page: Path) -> None:
    text = page.read_text(encoding="utf-8").partition("## [0.1.0]")[0]  # of the changes, those to come
    assert not long_sentences(text)
    assert len(text.splitlines()) <= MOST_LINES


def test_long_sentences_are_found() -> None:
    words = " ".join(["word"] * 20)
    assert long_sentences(f"A {words}; {words} `code with blanks`. Short. [{words}](link.md)") == [
        f"A {words}; {words} X."
    ]
    assert not long_sentences(f"| A {words} {words} |\n\n```\n{words} {words}\n```\n\n- {words}\n- {words}\n")


@pytest.mark.parametrize(
    ("name", "code"), [(page.name, code) for page in PAGES for code in blocks(page, "python")]
)
def test_imports_of_python_examples_exist(name: str, code: str) -> None:
    if name == "retargeting.md":
        pytest.importorskip("dex_retargeting", reason="dex-retargeting is not installed")
    imports = [node for node in ast.parse(code).body if isinstance(node, ast.Import | ast.ImportFrom)]
    exec(compile(ast.Module(imports, []), name, "exec"), {})


def texts_of_the_program() -> list[str]:
    """Each text in the code, with {} for what is filled in."""
    found = []
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [each.value if isinstance(each, ast.Constant) else "{}" for each in node.values]
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


def test_messages_of_the_troubleshooting_exist() -> None:
    messages = re.findall(r"^### `(.*)`$", page("troubleshooting.md"), re.MULTILINE)
    texts = texts_of_the_program()
    assert len(messages) >= 20
    assert not [message for message in messages if not any(message in text for text in texts)]


def test_the_glossary_is_short() -> None:
    terms = re.findall(r"^\| ([a-z ]+) \|", page("glossary.md"), re.MULTILINE)[1:]
    assert {"capture", "store", "split", "frame", "view", "synthetic pair", "handedness"} <= set(terms)
    assert len(terms) == len(set(terms)) <= 25


def test_all_layers_are_described() -> None:
    (contract,) = [
        each
        for each in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
        if each["type"] == "layers"
    ]
    table = page("architecture.md").partition("## Layers")[2].partition("##")[0]
    first_cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    rows = [sorted(re.findall(r"`(\w+)`", cell)) for cell in first_cells[:-1]]  # the last: what all may use
    assert rows == [sorted(layer.split(" | ")) for layer in contract["layers"]][: len(rows)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in headings]


def fields(settings: msgspec.Struct, prefix: str = "") -> list[str]:
    names = []
    for field in msgspec.structs.fields(settings):
        value = getattr(settings, field.name)
        inner = isinstance(value, msgspec.Struct)
        names += fields(value, f"{prefix}{field.name}.") if inner else [prefix + field.name]
    return names


def test_every_field_of_the_configuration_is_explained() -> None:
    short = CONFIGURATION.replace("`.", "`loss_weights.")  # the table leaves away what a row says once
    missing = [name for name in fields(Config()) if f"`{name}`" not in short]
    missing += [name for name in fields(SimulationConfig()) if f"`{name}`" not in CONFIGURATION]
    assert not missing


@pytest.mark.parametrize("name", fields(SimulationConfig()))
def test_defaults_of_the_simulation_are_those_in_the_table(name: str) -> None:
    rows = [line for line in page("simulated_session.md").splitlines() if line.startswith("|")]
    row = next(line for line in rows if f"`{name}`" in line.split("|")[1])
    value = msgspec.to_builtins(getattr(SimulationConfig(), name))
    numbers = [float(number) for number in re.findall(r"-?[\d.]+", row.split("|")[2].replace(",000", "000"))]
    expected = value if isinstance(value, list | tuple) else [value]
    for item in expected:
        assert (f"`{item}`" in row) if isinstance(item, str) else (item in numbers), (name, row)


def test_configs_and_variants_are_listed() -> None:
    assert all(f"| `{name}` |" in page("training.md") for name in (*config_names(), *VARIANTS))


def test_pictures_are_small() -> None:
    pictures = list((ROOT / "docs" / "pictures").iterdir())
    assert pictures and max(path.stat().st_size for path in pictures) < 300_000


def test_a_run_is_repeated_from_its_configuration(tmp_path: Path) -> None:
    from murauer.training.config import read_config

    config = load_config("smoke")
    saved = tmp_path / "config.json"
    saved.write_bytes(msgspec.json.encode({"variant": "full", "labels": 3, "seed": 1, "config": config}))
    assert read_config(str(saved)) == config
