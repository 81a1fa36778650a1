"""Where a file comes from: by which program, on which machine, from what.

It stands in the metadata of models, checkpoints and ONNX files, in manifests of stores, in results and in
reports. It holds no time of day and no place, so that equal work gives equal files.
"""

import os
import platform
import re
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from murauer.foreign.documents import convert_json
from murauer.version import __version__

if TYPE_CHECKING:
    from torch import device as Device

PROVENANCE = "provenance"
"""Name under which it stands, in formats that have names."""

Threads = Annotated[int, msgspec.Meta(ge=0, le=4096)]
"""As many are made again of those that a file tells."""

PROCESSOR = Path("/proc/cpuinfo")
"""Where Linux says what the processor is and can do."""

LIBRARIES = ("numpy", "onnxruntime", "torch", "warp-lang")
"""Those whose versions change results."""

INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "sve", "bf16")
"""Linux's names of instruction sets for which libraries have code of their own."""

LIMITS = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "NPY_DISABLE_CPU_FEATURES")
"""Variables of the environment by which libraries are told to use fewer of them."""

CONDITIONS = (
    "murauer", "commit", "python", "libraries", "processor", "instructions", "device", "threads", "processes"
)  # fmt: skip
"""What each bit of a result depends on, beside the work itself."""


class Provenance(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is known of the making of a file.

    Attributes:
        murauer, python: Versions.
        commit: Of the checkout that the program ran from; None for an installed one. Changes that were not
            committed do not show.
        libraries: Versions of those of `LIBRARIES` that are installed.
        processor: Its name.
        instructions: Its instruction sets, and the variables that limit them.
        device: "cpu", or the name of the GPU.
        threads: Of PyTorch, in each process.
        processes: That shared the work.
        data: Digest of the store that was used.
        inputs: Digests of the other files that it was made from, by what they were.
        seed: Of everything random; by model, where several have one.
        config: What the work was configured by; likewise.
        earlier: Of the same work before it was stopped and went on under other conditions.
    """

    murauer: str = "unknown"
    commit: str | None = None
    python: str = ""
    libraries: dict[str, str] = {}
    processor: str = ""
    instructions: str = ""
    device: str = ""
    threads: Threads = 0
    processes: int = 0
    data: str | None = None
    inputs: dict[str, str] = {}
    seed: int | dict[str, int | None] | None = None
    config: Any = None
    earlier: tuple["Provenance", ...] = ()

    def after(self, before: "Provenance | None") -> "Provenance":
        """That of work which goes on where it was stopped.

        Args:
            before: That of the work so far; None where it is not known.
        """
        before = Provenance() if before is None else before
        if not self.differences(msgspec.structs.replace(before, earlier=())):
            return before
        last = msgspec.structs.replace(before, earlier=(), config=None)
        others = tuple(each for each in before.earlier if each != last)
        return msgspec.structs.replace(self, earlier=(*others, last))

    def differences(self, other: "Provenance") -> list[str]:
        """What differs of the conditions, such as "threads 1, now 2".

        Args:
            other: The later one.
        """
        found = [
            f"{name} {_text(before)}, now {_text(now)}"
            for name in CONDITIONS
            if (before := getattr(self, name)) != (now := getattr(other, name))
        ]
        if self.earlier or other.earlier:
            found.append("stopped, and went on under other conditions")
        return found

    def words(self) -> dict[str, str]:
        """Tell all but the configuration, by what it is about."""
        commit = f", commit {self.commit}" if self.commit else ""
        device = "" if self.device in ("", "cpu") else f"; {self.device}"
        told = {
            "software": f"murauer {self.murauer}{commit}, Python {self.python}, {_text(self.libraries)}",
            "machine": f"{self.processor} ({self.instructions}){device}; "
            f"processes: {self.processes}, threads of each: {self.threads}",
            "data": self.data or "",
            "made from": _text(self.inputs),
            "seed": "" if self.seed is None else _text(self.seed),
        }
        told |= {
            f"before it went on ({number})": f"{own['software']}; {own['machine']}"
            for number, own in enumerate((each.words() for each in self.earlier), 1)
        }
        return {name: text for name, text in told.items() if text}


def provenance(
    device: "Device | str | None" = None,
    *,
    threads: int | None = None,
    data: str | None = None,
    inputs: dict[str, str] | None = None,
    seed: int | dict[str, int | None] | None = None,
    config: Any = None,
) -> Provenance:
    """The provenance of what is made now, here.

    Args:
        device: Where networks compute; the processor by default.
        threads: Of a computation; those of PyTorch by default.
        data: Digest of the store, see `Provenance`.
        inputs: Likewise.
        seed: Likewise.
        config: Likewise; anything that msgspec encodes.
    """
    torch = sys.modules.get("torch")  # whoever computes with it has imported it
    shared = torch and torch.distributed.is_available() and torch.distributed.is_initialized()
    return Provenance(
        murauer=__version__,
        commit=_commit(Path(__file__)),
        python=platform.python_version(),
        libraries=_libraries(),
        processor=processor(),
        instructions=_instructions(),
        device=torch.cuda.get_device_name(device) if torch and str(device).startswith("cuda") else "cpu",
        threads=threads or (torch.get_num_threads() if torch else os.cpu_count() or 1),
        processes=torch.distributed.get_world_size() if torch and shared else 1,
        data=data,
        inputs=inputs or {},
        seed=seed,
        config=msgspec.to_builtins(config),
    )


def encode_provenance(made: Provenance) -> str:
    """As JSON text."""
    return msgspec.json.encode(made).decode()


def decode_provenance(text: str | bytes | None, source: Path) -> Provenance | None:
    """Read what `encode_provenance` wrote.

    Args:
        text: None in files from before there was one.
        source: Where it stands.

    Raises:
        UserError: It is damaged.
    """
    if text is None:
        return None
    return convert_json(text, Provenance, f"the provenance in {source} is damaged")


@cache
def processor() -> str:
    """The name of the processor, which differs where its instructions do."""
    told = dict(re.findall(r"^(model name|cpu family|model)\s*: (.+)$", _processor_text(), re.MULTILINE))
    name = told.get("model name", platform.machine())
    return f"{name}, family {told['cpu family']}, model {told['model']}" if len(told) == 3 else name


@cache
def _instructions() -> str:
    able = set(_processor_text().split())
    limits = [f"{name}={os.environ[name]}" for name in LIMITS if name in os.environ]
    return " ".join([name for name in INSTRUCTIONS if name in able] + limits) or platform.machine()


def _processor_text() -> str:
    # No `platform.processor`, which starts a process.
    try:
        return PROCESSOR.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


@cache
def _libraries() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # what the small installation lacks
            continue
    return found


@cache
def _commit(module: Path) -> str | None:
    """The commit of the checkout that a module of the package lies in, read without git; None without one."""
    package = module.resolve().parent
    root = package.parent.parent
    try:
        if package.parent.name != "src":
            return None
        folder = root / ".git"
        if folder.is_file():  # a further working tree
            folder = root / folder.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        head = (folder / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref:"):
            return head
        name, common = head.removeprefix("ref:").strip(), folder / "commondir"
        places = [folder] + ([folder / common.read_text(encoding="utf-8").strip()] if common.exists() else [])
        for place in places:
            if (place / name).exists():
                return (place / name).read_text(encoding="utf-8").strip()
        packed = (places[-1] / "packed-refs").read_text(encoding="utf-8")
        found = re.search(rf"^(\w+) {re.escape(name)}$", packed, re.MULTILINE)
        return found[1] if found else None
    except (OSError, UnicodeDecodeError):
        return None


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return str(value)
