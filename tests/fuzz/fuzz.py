"""Feeds mutated inputs to every reader, guided by the code that they reach: `make fuzz`.

python tests/fuzz/fuzz.py --seconds 60
python tests/fuzz/fuzz.py --seconds 600 --targets camera,manifest

With Atheris (pip install atheris) inputs that reach new code are kept and changed further; without it
Hypothesis changes the seeds blindly. Each target runs in a process of its own, so that a crash of a library
ends no other. What is neither read nor refused by a `UserError` lies in --out, an input for each place in the
code; put it into tests/fuzz/findings under the target's name, where tests/fuzz/test_findings.py feeds it.
"""

import argparse
import json
import subprocess
import sys
import time
import traceback
import warnings
from pathlib import Path

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
MOST_BYTES = 8192
MOST_SECONDS, MOST_MIB = 20, 3000
"""For one input."""


class Watched:
    """A target that counts its inputs, and keeps those that end in something else than a `UserError`.

    Args:
        name: Name of the target.
        out: Folder for what is found.
    """

    def __init__(self, name: str, out: Path) -> None:
        from fuzz_targets import TARGETS

        self.name, self.out, self.read = name, out, TARGETS[name].read
        self.executions, self._told = 0, time.monotonic()
        self._found: set[str] = set()

    def __call__(self, data: bytes) -> None:
        from murauer.errors import UserError

        self.executions += 1
        try:
            self.read(data)
        except UserError:
            pass
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            label = f"{type(error).__name__}-{Path(place.filename).stem}-{place.lineno}"
            if label not in self._found:
                self._found.add(label)
                folder = self.out / "findings" / self.name
                folder.mkdir(parents=True, exist_ok=True)
                (folder / label).write_bytes(data)
        if time.monotonic() - self._told > 1:
            self.tell()

    def tell(self) -> None:
        """Leave the number of executions where the parent finds it."""
        self._told = time.monotonic()
        (self.out / f"{self.name}.count").write_text(str(self.executions))


def run_target(name: str, seconds: int, out: Path) -> None:
    """Fuzz one target in this process."""
    sys.path.insert(0, str(HERE))
    warnings.simplefilter("ignore")
    try:
        import atheris
    except ModuleNotFoundError:
        from fuzz_targets import TARGETS

        _run_blindly(Watched(name, out), list(TARGETS[name].seeds()), seconds)
        return
    with atheris.instrument_imports(include=["murauer", "yaml", "zipfile", "json", "csv", "PIL"]):
        from fuzz_targets import TARGETS
    kept = out / "corpus" / name
    kept.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(TARGETS[name].seeds()):
        (kept / f"seed-{number}").write_bytes(seed)
    options = [
        f"-max_total_time={seconds}", f"-timeout={MOST_SECONDS}", f"-rss_limit_mb={MOST_MIB}",
        f"-max_len={MOST_BYTES}", f"-artifact_prefix={out}/{name}-", "-verbosity=0", "-print_final_stats=0",
    ]  # fmt: skip
    folders = [str(kept), *([str(CORPUS / name)] if (CORPUS / name).is_dir() else [])]
    atheris.Setup([sys.argv[0], *options, *folders], Watched(name, out))
    atheris.Fuzz()


def _run_blindly(target: Watched, seeds: list[bytes], seconds: float) -> None:
    """Change seeds by Hypothesis until the time is over."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st

    edit = st.tuples(st.integers(0, MOST_BYTES), st.integers(0, 8), st.binary(max_size=8))

    @settings(max_examples=500, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(st.sampled_from(seeds), st.lists(edit, min_size=1, max_size=6))
    def feed(seed: bytes, edits: list[tuple[int, int, bytes]]) -> None:
        for place, length, new in edits:
            start = place % (len(seed) + 1)
            seed = seed[:start] + new + seed[start + length :]
        target(seed)

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        feed()
    target.tell()


def main() -> int:
    """Fuzz all targets in turn and print what was done; 1 if something was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("--targets", help="their names, with commas between them (default: all)")
    parser.add_argument("--out", type=Path, default=Path("runs/fuzz"), help="default: runs/fuzz")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.one:
        run_target(args.one, args.seconds, args.out)
        return 0
    sys.path.insert(0, str(HERE))
    from fuzz_targets import TARGETS

    names = args.targets.split(",") if args.targets else list(TARGETS)
    counts: dict[str, int] = {}
    for name in names:
        print(f"{name:16} {run_in_process(name, args.seconds, args.out, counts)}", flush=True)
    (args.out / "executions.json").write_text(json.dumps(counts, indent=1))
    found = sorted(path for path in args.out.glob("findings/*/*") if path.parent.name in names)
    print(f"{sum(counts.values()):,} executions of {len(names)} readers, {len(found)} findings in {args.out}")
    return 1 if found else 0


def run_in_process(name: str, seconds: int, out: Path, counts: dict[str, int]) -> str:
    """Fuzz a target in a process of its own, again where it crashes; returns what is to be said of it."""
    end, crashes = time.monotonic() + seconds, 0
    while (left := round(end - time.monotonic())) > 0:
        counter = out / f"{name}.count"
        counter.unlink(missing_ok=True)
        command = [sys.executable, __file__, "--one", name, "--seconds", str(left), "--out", str(out)]
        ended = subprocess.run(command, capture_output=True)
        counts[name] = counts.get(name, 0) + (int(counter.read_text()) if counter.exists() else 0)
        if ended.returncode != 0:
            crashes += 1
            folder = out / "findings" / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"crash-{crashes}.txt").write_bytes(ended.stderr[-20_000:])
            for artifact in out.glob(f"{name}-*"):
                artifact.rename(folder / artifact.name)
    found = len(list((out / "findings" / name).glob("*")))
    return f"{counts.get(name, 0):>10,} executions {found:>4} findings" + (
        f" {crashes} crashes" * bool(crashes)
    )


if __name__ == "__main__":
    sys.exit(main())
