"""Opens a folder as an album, by what is in it."""

from pathlib import Path

from murauer.errors import UserError
from murauer.studio.albums.album import Album


def open_album(folder: Path, skeleton: str | None = None) -> Album:
    """Open a store, or a recording of one's own.

    Args:
        folder: of either.
        skeleton: of labels to come, for a recording without labels; `nyu14` by default.

    Raises:
        UserError: there is neither, or it is damaged.
    """
    from murauer.capture.camera_file import CAMERA_FILE
    from murauer.store.store import DESCRIPTION_FILE
    from murauer.studio.albums.recording_album import RecordingAlbum
    from murauer.studio.albums.store_album import StoreAlbum

    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}; give a store or the folder of a recording")
    if (folder / DESCRIPTION_FILE).is_file():
        if skeleton is not None:
            raise UserError(f"{folder} is a store, whose skeleton is fixed; leave --skeleton away")
        return StoreAlbum(folder)
    if (folder / CAMERA_FILE).is_file():
        return RecordingAlbum(folder, skeleton)
    raise UserError(
        f"{folder} is neither a store (it has no {DESCRIPTION_FILE}) nor a recording (it has no "
        f"{CAMERA_FILE}); see docs/recording_format.md"
    )
