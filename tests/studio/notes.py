"""A page without a browser."""

from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np


class Notes:
    """A page that keeps what it was last told to show."""

    def __init__(self) -> None:
        self.points: dict[str, np.ndarray] = {}
        self.skeletons: dict[str, Any] = {}
        self.pictures: list[Any] = []
        self.status = self.table = ""

    names_of_points = property(lambda self: set(self.points))

    def show_points(self, name: str, points: np.ndarray, colours: np.ndarray, spacing_mm: float) -> None:
        assert points.shape == colours.shape and spacing_mm > 0
        self.points[name] = points

    def hide_points(self, name: str) -> None:
        del self.points[name]

    def skeleton(self, name: str, *_: object) -> Any:
        return SimpleNamespace(show=lambda joints: self.skeletons.__setitem__(name, joints))

    def hide_skeleton(self, name: str) -> None:
        self.skeletons.pop(name, None)

    def show_pictures(self, pictures: list[Any]) -> None:
        self.pictures = [title for title, _ in pictures]

    def show_table(self, html: str) -> None:
        self.table = html

    def show_status(self, markdown: str) -> None:
        self.status = markdown

    def keep_in_view(self, middle: np.ndarray) -> None:
        pass

    def at_once(self) -> AbstractContextManager[None]:
        return nullcontext()
