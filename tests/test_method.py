"""What docs/method.md says of the paper is there, and tested."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| `([\w.]+)` \| `([\w/]+\.py)::(\w+)` \|$", re.MULTILINE)
CLAIMS = ROW.findall((ROOT / "docs" / "method.md").read_text(encoding="utf-8"))

EQUATIONS = {f"Eq. ({number})" for number in (1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13)}


@pytest.mark.parametrize(("where", "what", "code", "file", "test"), CLAIMS)
def test_each_claim_has_code_and_a_test(where: str, what: str, code: str, file: str, test: str) -> None:
    module, name = code.rsplit(".", 1)
    assert hasattr(import_module(f"murauer.{module}"), name)
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    assert test in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


def test_no_row_is_without_a_test() -> None:
    page = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
    table = page.partition("| where | what | code | test |")[2].partition("\n\n")[0]
    assert len(table.strip().splitlines()) - 1 == len(CLAIMS) > 30
    places = {place for where, *_ in CLAIMS for place in where.split(", ")}
    assert places >= EQUATIONS | {"S", "Sec. 4.1", "Table 1", "Figs. 3", "Figs. 5", "Fig. 7"}
