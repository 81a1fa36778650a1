"""The guide keeps up with the program: commands parse, links lead somewhere, tables name every field."""

import ast
import re
import shlex
from pathlib import Path

import msgspec
import pytest

from murauer.cli.main import make_parser
from murauer.prepare.rendering.simulated import SimulationConfig
from murauer.training.config import Config, config_names, load_config
from murauer.training.variants import VARIANTS

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TRAINING = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    return [text for found, text in BLOCK.findall(page.read_text(encoding="utf-8")) if found == language]


INDENTED = re.compile(r"^    (murauer .*)$", re.MULTILINE)


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


def test_imports_of_the_python_example_exist() -> None:
    (example,) = blocks(ROOT / "README.md", "python")
    imports = [node for node in ast.parse(example).body if isinstance(node, ast.ImportFrom)]
    assert len(imports) >= 2
    exec(compile(ast.Module(imports, []), "README.md", "exec"), {})


def fields(settings: msgspec.Struct, prefix: str = "") -> list[str]:
    names = []
    for field in msgspec.structs.fields(settings):
        value = getattr(settings, field.name)
        inner = isinstance(value, msgspec.Struct)
        names += fields(value, f"{field.name}.") if inner else [prefix + field.name]
    return names


def test_every_field_of_the_configuration_is_explained() -> None:
    short = TRAINING.replace("`.", "`loss_weights.")  # the table leaves away what a row says once
    missing = [name for name in fields(Config()) if f"`{name}`" not in short]
    missing += [name for name in fields(SimulationConfig()) if f"`{name}`" not in TRAINING]
    assert not missing


@pytest.mark.parametrize("name", fields(SimulationConfig()))
def test_defaults_of_the_simulation_are_those_in_the_table(name: str) -> None:
    rows = [line for line in TRAINING.splitlines() if line.startswith("|")]
    row = next(line for line in rows if f"`{name}`" in line.split("|")[1])
    value = msgspec.to_builtins(getattr(SimulationConfig(), name))
    numbers = [float(number) for number in re.findall(r"-?[\d.]+", row.split("|")[2].replace(",000", "000"))]
    expected = value if isinstance(value, list | tuple) else [value]
    for item in expected:
        assert (f"`{item}`" in row) if isinstance(item, str) else (item in numbers), (name, row)


def test_configs_and_variants_are_listed() -> None:
    assert all(f"| `{name}` |" in TRAINING for name in (*config_names(), *VARIANTS))


def test_pictures_are_small() -> None:
    pictures = list((ROOT / "docs" / "pictures").iterdir())
    assert pictures and max(path.stat().st_size for path in pictures) < 300_000


def test_a_run_is_repeated_from_its_configuration(tmp_path: Path) -> None:
    from murauer.training.config import read_config

    config = load_config("smoke")
    saved = tmp_path / "config.json"
    saved.write_bytes(msgspec.json.encode({"variant": "full", "labels": 3, "seed": 1, "config": config}))
    assert read_config(str(saved)) == config
