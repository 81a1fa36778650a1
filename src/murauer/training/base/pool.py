"""A folder through which rendered frames reach a training: chunks come in and the oldest leave."""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Generator, Tensor

from murauer.capture.depth import DEPTH_UNIT_MM
from murauer.files import written_whole
from murauer.hand.model import HandModel
from murauer.random_streams import random_stream
from murauer.store.frame_set import Region
from murauer.training.base.scenes import CENTRE, BaseScenes

CHUNK = 500
"""Frames of a chunk."""

PART = 125
"""Frames rendered at a time, for want of memory."""


def chunk_files(folder: Path) -> list[Path]:
    """Complete chunks, the oldest first."""
    return sorted(folder.glob("chunk_*.safetensors"), key=lambda path: path.stat().st_mtime_ns)


def produce(folder: Path, scenes: BaseScenes, seed: int, keep: int) -> None:
    """Render chunks for ever.

    Args:
        folder: where to; with more than `keep` chunks there, the oldest are deleted.
        scenes: what is rendered.
        seed: of this producer; those that fill one folder have different ones.
        keep: chunks that stay.
    """
    hand = HandModel()
    number = 1 + max((int(path.stem.split("_")[2]) for path in folder.glob(f"chunk_{seed}_*")), default=-1)
    while True:
        generator = random_stream(seed, "base", number)
        parts: list[dict[str, Tensor]] = []
        while sum(len(part["joints"]) for part in parts) < CHUNK:
            parts.append(scenes.render(hand, PART, generator))
        chunk = {name: torch.cat([part[name] for part in parts])[:CHUNK] for name in parts[0]}
        with written_whole(folder / f"chunk_{seed}_{number:06d}.safetensors") as partial:
            save_file(chunk, partial)
        number += 1
        for path in chunk_files(folder)[:-keep]:
            path.unlink(missing_ok=True)


class Pool:
    """The newest chunks of a folder, in memory.

    Args:
        folder: that `produce` fills.
        chunks: that are held.
    """

    def __init__(self, folder: Path, chunks: int) -> None:
        self.folder, self.chunks = folder, chunks
        self._seen: set[str] = set()
        self._held: list[dict[str, np.ndarray]] = []
        self.frames = 0

    def refresh(self, most: int = 1) -> int:
        """Read chunks that are new, in place of the oldest.

        Args:
            most: chunks that are read at once.

        Returns:
            Frames that have been read so far.
        """
        new = [path for path in chunk_files(self.folder) if path.name not in self._seen]
        for path in new[-self.chunks :][:most]:
            try:
                arrays = {name: tensor.numpy() for name, tensor in load_file(path).items()}
            except (OSError, ValueError):  # its producer has just deleted it
                continue
            finally:
                self._seen.add(path.name)
            self._held.append(arrays)
            self.frames += len(arrays["joints"])
        del self._held[: -self.chunks]
        return self.frames

    def wait(self, chunks: int) -> None:
        """Wait until there are as many chunks."""
        while len(self._held) < chunks:
            if not self.refresh(self.chunks):
                time.sleep(1.0)

    def draw(self, size: int, generator: Generator) -> Region:
        """Draw frames at random."""
        chunk = torch.randint(len(self._held), (size,), generator=generator).tolist()
        row = torch.randint(CHUNK, (size,), generator=generator).tolist()

        def gather(name: str) -> Tensor:
            return torch.from_numpy(
                np.stack([self._held[c][name][r] for c, r in zip(chunk, row, strict=True)])
            )

        joints = gather("joints")
        depth = gather("depth").to(torch.float32).mul_(DEPTH_UNIT_MM)
        return Region(depth, gather("intrinsics"), joints[:, CENTRE], joints)


def main() -> None:
    """Fill a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=os.getpid())
    parser.add_argument("--keep", type=int, default=80)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    produce(options.folder, BaseScenes(), options.seed, options.keep)


if __name__ == "__main__":
    main()
