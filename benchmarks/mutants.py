"""Do the tests notice when geometry, metrics or losses are wrong?

    python benchmarks/mutants.py [--files geometry/crop.py ...] [--survivors-of FILE] [--out FILE]

A mutant is a module with one small fault: a comparison that includes its limit or no longer does, another
operator, another constant, nothing returned. It survives if all tests pass that run the changed line. Tests
are imported once; each mutant is a fork in which functions get their changed code and constants their changed
values, with a limit on processor time. Files stay as they are. Tests with reference data are left out, and
those of hypothesis try `EXAMPLES` examples.
"""

import argparse
import ast
import copy
import functools
import gc
import importlib
import inspect
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import coverage
import pytest
from _pytest.runner import runtestprotocol
from hypothesis import HealthCheck, Phase, settings

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "murauer"
TESTS = {
    "training/losses.py": ("training/test_losses.py", "training/test_loss_gradients.py"),
    "training/base/losses.py": ("training/base/test_base_losses.py",),
    "evaluation/metrics.py": ("evaluation/test_metrics.py", "evaluation/test_metrics_reference.py"),
    "geometry/arrays.py": ("geometry/test_arrays.py", "geometry/test_skeletons.py"),
    "geometry/hand_size.py": ("geometry/test_hand_size.py",),
    "geometry/windows.py": ("geometry/test_windows.py", "geometry/test_extreme_values.py"),
    "geometry/rig.py": ("geometry/test_rig.py", "geometry/test_extreme_values.py"),
    "geometry/camera.py": ("geometry/test_camera.py", "geometry/test_extreme_values.py"),
    "geometry/distortion.py": ("geometry/test_distortion.py", "geometry/test_strong_lenses.py"),
    "geometry/patches.py": ("geometry/test_patches.py", "geometry/test_extreme_values.py"),
    "geometry/crop.py": ("geometry/test_crop.py", "geometry/test_extreme_values.py"),
    "geometry/skeletons.py": ("geometry/test_skeletons.py",),
    "geometry/oddities.py": ("geometry/test_oddities.py",),
    "geometry/overlay.py": ("geometry/test_overlay.py", "geometry/test_pictures.py"),
}
"""What is mutated, below src/murauer, and what has to notice, below tests."""

EXAMPLES = 20
SECONDS, BYTES = 60, 8 << 30
"""Processor time and memory of the tests of one mutant; all tests together take less."""

OPPOSITES = (
    (ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.Eq, ast.NotEq), (ast.Is, ast.IsNot), (ast.In, ast.NotIn),
    (ast.And, ast.Or), (ast.BitAnd, ast.BitOr), (ast.Add, ast.Sub), (ast.Mult, ast.Div),
)  # fmt: skip
SWAPPED: dict[type, type] = {
    **dict(OPPOSITES),
    **{other: one for one, other in OPPOSITES},
    **dict.fromkeys((ast.FloorDiv, ast.Mod, ast.Pow), ast.Mult),
}


@dataclass(frozen=True)
class Mutant:
    """A fault in a file.

    Attributes:
        file: Below src/murauer.
        node: Which node of its tree, in the order of `ast.walk`.
        way: Which of the `changes` of that node.
        line: Where it begins.
        text: That line.
        fault: The node as it is and as it becomes.
    """

    file: str
    node: int
    way: int
    line: int
    text: str
    fault: str


def changes(node: Any) -> Iterator[Callable[[], None]]:
    """Ways to make a node of a syntax tree wrong; each changes the node when it is called."""
    if isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            yield partial(node.ops.__setitem__, index, SWAPPED[type(operator)]())
    elif isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) in SWAPPED:
        yield partial(setattr, node, "op", SWAPPED[type(node.op)]())
    elif isinstance(node, ast.UnaryOp):  # twice is not at all
        yield partial(setattr, node, "operand", ast.UnaryOp(node.op, node.operand))
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield partial(setattr, node, "value", not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        more = node.value + 1 if isinstance(node.value, int) or node.value == 0 else 1.5 * node.value
        yield partial(setattr, node, "value", more)
    elif isinstance(node, ast.Return) and node.value is not None:
        yield partial(setattr, node, "value", ast.Constant(None))


def parse(file: str) -> tuple[ast.Module, list[ast.AST]]:
    """The tree of a file, and its nodes."""
    tree = ast.parse((SOURCE / file).read_text(encoding="utf-8"))
    return tree, list(ast.walk(tree))


def mutants_of(file: str) -> list[Mutant]:
    """All faults that are tried in a file; annotations are none of its code."""
    lines, (_, nodes) = (SOURCE / file).read_text(encoding="utf-8").splitlines(), parse(file)
    annotations = [getattr(node, name, None) for node in nodes for name in ("annotation", "returns")]
    left_out = {id(part) for each in annotations if each is not None for part in ast.walk(each)}
    found = []
    for number, node in enumerate(nodes):
        if id(node) in left_out:
            continue
        for way, _ in enumerate(changes(node)):
            twin = copy.deepcopy(node)
            list(changes(twin))[way]()
            fault = f"{ast.unparse(node)} -> {ast.unparse(twin)}"
            line = getattr(node, "lineno", 0)
            found.append(Mutant(file, number, way, line, lines[line - 1].strip(), fault))
    return found


def code_of(mutant: Mutant) -> CodeType:
    """The file with its fault."""
    tree, nodes = parse(mutant.file)
    list(changes(nodes[mutant.node]))[mutant.way]()
    return compile(ast.fix_missing_locations(tree), str(SOURCE / mutant.file), "exec")


def infect(file: str, code: CodeType) -> None:
    """Put the code of a file in the place of what was imported from it, wherever it was imported to."""
    module = sys.modules[".".join(("murauer", *Path(file).with_suffix("").parts))]
    fresh = ModuleType(module.__name__)
    vars(fresh).update({name: value for name, value in vars(module).items() if name.startswith("__")})
    exec(code, vars(fresh))
    _transplant(vars(module), vars(fresh), module.__name__)
    for cache in _caches():
        cache.cache_clear()


@functools.cache
def _caches() -> list[Any]:
    """All caches of our functions, which would remember what these were without a fault."""
    caches = (each for each in gc.get_objects() if type(each) is functools._lru_cache_wrapper)
    return [each for each in caches if each.__module__.startswith("murauer")]


def _transplant(old: Any, new: Any, module: str) -> None:
    """Change functions, also those of classes, in place, and bind other values anew."""
    for name, value in list(new.items()):
        before = old.get(name)
        function, theirs = _function_of(value), _function_of(before)
        if isinstance(value, type) and value.__module__ == module:
            _transplant(vars(before), vars(value), module)
        elif isinstance(function, FunctionType) and isinstance(theirs, FunctionType):
            if function.__module__ == module and function is not theirs:
                theirs.__code__, theirs.__defaults__ = function.__code__, function.__defaults__
                theirs.__kwdefaults__ = function.__kwdefaults__
        elif isinstance(old, dict) and not name.startswith("__") and value is not before:
            for other in list(sys.modules.values()):
                if getattr(other, "__dict__", {}).get(name) is before:
                    setattr(other, name, value)


def _function_of(value: Any) -> Any:
    """What a property, a method of a class or a cache calls."""
    for name in ("fget", "func", "__func__"):
        value = getattr(value, name, None) or value
    return inspect.unwrap(value) if callable(value) else value


class MutationRun:
    """Runs the tests once, to see which lines each runs, and then for every mutant; a plugin of pytest.

    Args:
        file: What is mutated.
        mutants: Its mutants.
        out: File for the results, of other files as well.
    """

    def __init__(self, file: str, mutants: list[Mutant], out: Path) -> None:
        self.file, self.mutants, self.out = file, mutants, out
        self.seconds: dict[str, float] = {}
        self.coverage = coverage.Coverage(data_file=None, config_file=False, include=[str(SOURCE / file)])
        self.coverage.start()  # before anything is imported

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Try fewer examples."""
        for item in items:
            test = getattr(item, "obj", None)
            own = getattr(test, "_hypothesis_internal_use_settings", None)
            if own is not None:
                test._hypothesis_internal_use_settings = settings(own, max_examples=EXAMPLES)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """All mutants after a run without one."""
        tests = session.items
        for test, following in zip(tests, [*tests[1:], tests[0]], strict=True):
            self.coverage.switch_context(test.nodeid)
            start = time.process_time()
            if not self._passes(test, following):
                raise SystemExit(f"{test.nodeid} fails without any fault")
            self.seconds[test.nodeid] = time.process_time() - start
        self.coverage.stop()
        by_name = {test.nodeid: test for test in tests}
        _caches()
        lines = self.coverage.get_data().contexts_by_lineno(str(SOURCE / self.file))
        everything = {name for names in lines.values() for name in names if name}
        again = partial(infect, self.file, compile(parse(self.file)[0], self.file, "exec"))
        if not self._survives(again, everything, by_name):
            raise SystemExit(f"tests fail of {self.file} as it is, imported again")
        survivors: list[dict[str, Any]] = []
        for tried, mutant in enumerate(self.mutants, start=1):
            before = [line for line in lines if line <= mutant.line]  # an expression's may be its first
            names = set(lines[max(before)]) if before else set()
            fault = partial(infect, self.file, code_of(mutant))
            if self._survives(fault, everything if "" in names else names, by_name):
                survivors.append(asdict(mutant))
            results = read_results(self.out) | {self.file: {"tried": tried, "survivors": survivors}}
            self.out.write_text(json.dumps(results, indent=1))
        return True

    def _survives(self, fault: Callable[[], None], names: set[str], by_name: dict[str, pytest.Item]) -> bool:
        """Whether tests pass in a fork, short ones first."""
        tests = [by_name[name] for name in sorted(names, key=lambda name: self.seconds[name])]
        child = os.fork()
        if child:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        code = 1
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
            resource.setrlimit(resource.RLIMIT_DATA, (BYTES, BYTES))
            fault()
            code = 0 if all(map(self._passes, tests, [*tests[1:], None])) else 1
        finally:
            os._exit(code)

    def _passes(self, test: pytest.Item, following: pytest.Item | None) -> bool:
        return not any(report.failed for report in runtestprotocol(test, log=False, nextitem=following))


def read_results(path: Path) -> dict[str, Any]:
    """For each file, how many mutants were tried and which survived."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", nargs="+", choices=TESTS, default=list(TESTS), metavar="FILE")
    parser.add_argument("--survivors", action="store_true", help="only what survived according to --out")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "mutants.json")
    args = parser.parse_args()
    out = args.out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    os.chdir(ROOT)
    os.environ["MURAUER_SHARED"] = os.devnull
    sys.path.insert(0, str(SOURCE.parent))
    importlib.import_module("torch")  # which takes long, once for all files
    settings.register_profile(
        "mutants",
        database=None,
        derandomize=True,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("mutants")
    for file in args.files:
        mutants = mutants_of(file)
        if args.survivors:
            known = [(one["text"], one["fault"]) for one in read_results(out)[file]["survivors"]]
            mutants = [mutant for mutant in mutants if (mutant.text, mutant.fault) in known]
        child = os.fork()
        if not child:
            tests = [f"tests/{name}" for name in TESTS[file]]
            options = ["-q", "-p", "no:cacheprovider", "-p", "no:warnings", "--tb=no"]
            os._exit(pytest.main([*options, *tests], plugins=[MutationRun(file, mutants, out)]))
        if os.waitpid(child, 0)[1]:
            raise SystemExit(f"the tests of {file} fail without any fault; run them")
        result = read_results(out)[file]
        print(f"\n| {file} | {result['tried']} | {len(result['survivors'])} |")
        for one in result["survivors"]:
            print(f"{one['line']}: {one['fault']}    in {one['text']}", flush=True)


if __name__ == "__main__":
    main()
