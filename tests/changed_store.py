"""Stores that a test has changed by hand."""

import json
from pathlib import Path

from msgspec.structs import replace

from murauer.store.manifest import MANIFEST_FILE, read_manifest, write_manifest


def resealed(folder: Path) -> Path:
    """Give a store the checksums of what its files are now."""
    write_manifest(folder, replace(read_manifest(folder), checksums={}))
    return folder


def described(folder: Path, **changes: object) -> Path:
    """Let the manifest of a store say something else, whether that is right or not."""
    path = folder / MANIFEST_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | {"digest": ""} | changes))
    return path
