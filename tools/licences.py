"""Lists the licence of every package that murauer needs, and of the libraries that their wheels bundle.

python tools/licences.py
python tools/licences.py --extras train,studio

Packages are those of the given extras in pyproject.toml, all but "dev" and "docs" by default, with all that
they need in turn, as installed here. Binaries are shared libraries in folders such as `av.libs`; ffmpeg's are
asked for the licence that they were built with. The exit code is 1 if something has no known licence.
"""

import argparse
import ctypes
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOR_DEVELOPERS = ("dev", "docs")

LIBRARIES = {
    "libSvtAv1Enc": "BSD-3-Clause-Clear",
    "libXau": "MIT",
    "libasound": "LGPL-2.1-or-later",
    "libavif": "BSD-2-Clause",
    "libbrotlicommon": "MIT",
    "libbrotlidec": "MIT",
    "libdav1d": "BSD-2-Clause",
    "libdrm": "MIT",
    "libembree4": "Apache-2.0",
    "libfreetype": "FTL",
    "libgfortran": "GPL-3.0 with GCC runtime exception",
    "libgmp": "LGPL-3.0-or-later",
    "libgnutls": "LGPL-2.1-or-later",
    "libgomp": "GPL-3.0 with GCC runtime exception",
    "libharfbuzz": "MIT",
    "libhogweed": "LGPL-3.0-or-later",
    "libjpeg": "IJG and BSD-3-Clause",
    "liblcms2": "MIT",
    "liblzma": "0BSD",
    "libmp3lame": "LGPL-2.0-or-later",
    "libnettle": "LGPL-3.0-or-later",
    "libopenblas": "BSD-3-Clause",
    "libopencore": "Apache-2.0",
    "libopenjp2": "BSD-2-Clause",
    "libopus": "BSD-3-Clause",
    "libpng16": "libpng",
    "libquadmath": "LGPL-2.1 with GCC runtime exception",
    "libscipy_openblas": "BSD-3-Clause",
    "libscipy_openblas64_": "BSD-3-Clause",
    "libsharpyuv": "BSD-3-Clause",
    "libsodium": "ISC",
    "libtbb": "Apache-2.0",
    "libtiff": "libtiff",
    "libunistring": "LGPL-3.0-or-later",
    "libvpl": "MIT",
    "libvpx": "BSD-3-Clause",
    "libwebp": "BSD-3-Clause",
    "libwebpdemux": "BSD-3-Clause",
    "libwebpmux": "BSD-3-Clause",
    "libx264": "GPL-2.0-or-later",
    "libx265": "GPL-2.0-or-later",
    "libxcb": "MIT",
    "libz": "Zlib",
    "libzmq": "MPL-2.0",
    "libzstd": "BSD-3-Clause",
}
"""Of bundled libraries, by their authors' words; ffmpeg's (libav*, libsw*) depends on how it was built."""


def main() -> int:
    """Print the list."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--extras", help="with commas between them (default: all for users)")
    args = parser.parse_args()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    chosen = (
        args.extras.split(",") if args.extras else [name for name in extras if name not in FOR_DEVELOPERS]
    )
    wanted = [*project["dependencies"], *(line for name in chosen for line in extras[name])]
    unknown, absent = 0, []
    for name, found in sorted(packages(wanted).items()):
        if found is None:
            absent.append(name)
            continue
        licence = licence_of(found)
        unknown += licence is None
        print(f"{name:24} {found.version:18} {licence or 'UNKNOWN'}")
        for library, bundled in binaries(found):
            unknown += bundled is None
            print(f"  {library:40} {bundled or 'UNKNOWN'}")
    if absent:
        print(f"not installed here: {', '.join(absent)}")
    return 1 if unknown else 0


def packages(requirements: Iterable[str]) -> dict[str, Distribution | None]:
    """The packages of some requirements and all that these require, by name; None if one is not here."""
    found: dict[str, Distribution | None] = {}
    waiting = [name for line in requirements if (name := _name(line))]
    while waiting:
        name = waiting.pop()
        if name in found or name == "murauer":
            continue
        try:
            package = distribution(name)
        except PackageNotFoundError:
            found[name] = None
            continue
        found[name] = package
        waiting += [each for line in package.requires or () if (each := _name(line))]
    return {
        name: each for name, each in found.items() if each is not None or name in map(_name, requirements)
    }


def _name(requirement: str) -> str | None:
    """The name in a requirement; None if only an extra has it."""
    if "extra ==" in requirement:
        return None
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    return None if found is None else re.sub(r"[-_.]+", "-", found[0]).lower()


def licence_of(package: Distribution) -> str | None:
    """What a package says of its licence: the expression, the classifiers, or the first line of its text."""
    told = package.metadata.json
    classifiers = told.get("classifier", [])
    classified = [line.rpartition(" :: ")[2] for line in classifiers if "License ::" in line]
    text = str(told.get("license", "")).strip().splitlines()
    expression = told.get("license_expression")
    return str(expression) if expression else "; ".join(classified) or (text[0][:80] if text else None)


def binaries(package: Distribution) -> Iterator[tuple[str, str | None]]:
    """Names of the shared libraries that a package bundles, and their licences."""
    for file in sorted(package.files or (), key=str):
        if ".so" in file.name and file.parent.name.endswith(".libs"):
            name = re.split(r"[-.]", file.name)[0]
            yield file.name, _of_ffmpeg(Path(str(package.locate_file(file)))) or LIBRARIES.get(name)


def _of_ffmpeg(path: Path) -> str | None:
    """What a library of ffmpeg says of itself."""
    name = path.name.partition("-")[0]
    if not name.startswith(("libav", "libsw")) or name == "libavif":
        return None
    import av  # its libraries need each other

    del av
    ask = getattr(ctypes.CDLL(str(path)), f"{name[3:]}_license")
    ask.restype = ctypes.c_char_p
    return f"{ask().decode()} (ffmpeg, as it was built)"


if __name__ == "__main__":
    sys.exit(main())
