"""Depth images in a folder, or a capture with a folder for each camera."""

from pathlib import Path

from murauer.capture.depth import read_depth, sized
from murauer.capture.folder_names import PAIR_FOLDER, FrameNames, frame_files, other_files
from murauer.capture.sources.camera_option import choose_cameras
from murauer.capture.sources.source import SourceFrame, StoredSource, check_positive
from murauer.errors import UserError
from murauer.names import natural_key, shortened
from murauer.text_files import read_table, to_number, to_whole

TIME_FILE = "times.csv"
"""Time of each frame of a capture, in seconds: lines `frame,time_s,dropped`."""


class FolderSource(StoredSource):
    """Images `*.png` and `*.npy` in the natural order of their names; see docs/capture_format.md.

    Args:
        address: A folder of images, or one with a folder of images for each camera.
        camera: Name of a camera, or camera file; by default the `camera.json` in the folder.
        depth_scale: Millimetres per unit; by default that of the camera file, or 1.
        rate: Frames a second, for those without a time of their own.

    Raises:
        UserError: There are no images, it is not known which cameras took them, or a number is not positive.
    """

    def __init__(
        self,
        address: str,
        *,
        camera: str | None = None,
        depth_scale: float | None = None,
        rate: float = 30.0,
    ) -> None:
        self.folder = Path(address)
        if not self.folder.is_dir():
            raise UserError(f"{self.folder} is no folder; give a folder of depth images")
        folders = _image_folders(self.folder)
        self.cameras = choose_cameras(camera, self.folder, list(folders), depth_scale)
        images = [{path.stem: path for path in frame_files(folders[each.name])} for each in self.cameras]
        self.names = sorted(set.intersection(*(set(paths) for paths in images)), key=natural_key)
        if not self.names:
            raise UserError(f"{self.folder} has no image that all its cameras took")
        self._note_what_is_left_out(folders, images)
        self._images = [[paths[name] for name in self.names] for paths in images]
        self.cameras = tuple(
            sized(each, paths[0]) for each, paths in zip(self.cameras, self._images, strict=True)
        )
        check_positive(rate, f"the rate of {self.folder}")
        self.rate = rate
        known, times = FrameNames(self.names), read_times(self.folder / TIME_FILE)
        self._times = {known.find(name) or name: time for name, time in times.items()}

    def _note_what_is_left_out(self, folders: dict[str, Path], images: list[dict[str, Path]]) -> None:
        """Count and name the images of frames that not all cameras have, and other files."""
        for each, paths in zip(self.cameras, images, strict=True):
            alone = sorted(set(paths) - set(self.names), key=natural_key)
            if alone:
                self.left_out.append(
                    f"{folders[each.name]} has {len(alone)} images of frames that another camera lacks: "
                    f"{shortened(alone)}"
                )
            if others := other_files(folders[each.name]):
                self.left_out.append(
                    f"{folders[each.name]} has {len(others)} files that are no depth images: "
                    f"{shortened([path.name for path in others])}"
                )

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.names)

    def path_of(self, index: int) -> str:
        """Return the path of the first camera's image of a frame."""
        return str(self._images[0][index])

    def __getitem__(self, index: int) -> SourceFrame:
        """Read one frame; see `StoredSource`."""
        assert self.rate is not None
        time_s, dropped = self._times.get(self.names[index], (index / self.rate, 0))
        depths = (
            read_depth(paths[index], each) for paths, each in zip(self._images, self.cameras, strict=True)
        )
        return SourceFrame(time_s, tuple(depths), dropped)


def read_times(path: Path) -> dict[str, tuple[float, int]]:
    """Read when each frame was taken: seconds, and how many were dropped before it.

    Returns:
        By the frame's name; empty if there is no such file.

    Raises:
        UserError: The file is damaged.
    """
    if not path.is_file():
        return {}
    rows = read_table(path, ("frame", "time_s", "dropped"))
    try:
        return {row["frame"]: (to_number(row["time_s"]), to_whole(row["dropped"] or "0")) for row in rows}
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}); its lines must be frame,time_s,dropped") from error


def _image_folders(folder: Path) -> dict[str, Path]:
    """Return the folder of each camera by the camera's name: its subfolders, or the folder itself."""
    within = {path.name: path for path in sorted(folder.iterdir(), key=natural_key) if path.is_dir()}
    found = {name: path for name, path in within.items() if name != PAIR_FOLDER and frame_files(path)}
    if found and not frame_files(folder):
        return found
    if not frame_files(folder):
        raise UserError(f"{folder} holds no frames; put 16-bit depth images (.png) or .npy there")
    return {folder.resolve().name: folder}
