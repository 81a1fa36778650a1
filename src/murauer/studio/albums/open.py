"""Opens a folder as an album, by what is in it."""

from pathlib import Path

from murauer.capture.camera_file import CAMERA_FILE
from murauer.errors import UserError
from murauer.store.manifest import MANIFEST_FILE
from murauer.studio.albums.album import Album
from murauer.studio.albums.capture_album import CaptureAlbum
from murauer.studio.albums.store_album import StoreAlbum


def open_album(folder: Path, skeleton: str | None = None) -> Album:
    """Open a store, or a capture.

    Args:
        folder: Folder of either.
        skeleton: Skeleton of labels to come, for a capture without labels; `hand21` by default.

    Raises:
        UserError: There is neither, or it is damaged.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}; give a store or the folder of a capture")
    if (folder / MANIFEST_FILE).is_file():
        if skeleton is not None:
            raise UserError(f"{folder} is a store, whose skeleton is fixed; leave --skeleton away")
        return StoreAlbum(folder)
    if (folder / CAMERA_FILE).is_file():
        return CaptureAlbum(folder, skeleton)
    raise UserError(
        f"{folder} is neither a store (it has no {MANIFEST_FILE}) nor a capture (it has no "
        f"{CAMERA_FILE}); see docs/capture_format.md"
    )
