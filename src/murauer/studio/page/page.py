"""The page that studio and live view share: points and skeletons in space, pictures, table, status.

Everything is in the coordinates of the first camera, x right, y down, z forward, moved so that the hand is
in the middle, and in units of 10 cm: viser's steps, near plane and keys are made for things of a few units.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from murauer.geometry.overlay import FINGER_COLOURS, contact_sheet
from murauer.geometry.skeletons import Skeleton
from murauer.studio.albums.album import Floats

if TYPE_CHECKING:
    from viser import ViserServer

UNIT_MM = 100.0
LEAST_POINT_MM, BONE_MM, JOINT_MM = 0.7, 3.2, 4.2
SELECTED = 1.5
"""How much larger the selected joint is drawn."""

MODEL_COLOURS = ((86, 180, 233), (230, 159, 0))
"""Of the skeletons of two models, told apart by everybody."""

JPEG_QUALITY = 85
PANEL_WIDTH, CONTROLS_WIDTH = 480, 340
LEFT_MM = 80.0
"""A hand that is this far from the place that is looked at is about to leave the view."""

EYE = (0.26, -0.36, -2.6)
"""Where the page looks at the hand from at first: near the line to the first camera, in units."""

WORLD = "/world"
"""The node that all others are below: the first camera's coordinates."""


class Page:
    """One page, the same for all who look at it.

    Args:
        server: Guarded, see `guard.serve`.
    """

    def __init__(self, server: "ViserServer") -> None:
        self.server = server
        self._points: dict[str, Any] = {}
        self._middle: Floats | None = None
        self._skeletons: dict[str, SkeletonNode] = {}
        server.gui.configure_theme(dark_mode=True, show_logo=False, show_share_button=False)
        server.gui.main_panel.dock_right()
        server.gui.main_panel.set_width(CONTROLS_WIDTH)
        server.scene.set_up_direction("-y")
        self._world = server.scene.add_frame(WORLD, show_axes=False)
        initial = server.initial_camera
        initial.position, initial.look_at, initial.up = EYE, (0.0, 0.0, 0.0), (0.0, -1.0, 0.0)
        panel = server.gui.add_panel()
        with panel.add_tab("Depth"):
            blank = np.zeros((8, 8, 3), np.uint8)
            self._picture = server.gui.add_image(
                blank, format="jpeg", jpeg_quality=JPEG_QUALITY, visible=False
            )
            self._table = server.gui.add_html("")
        panel.dock_left()
        panel.set_width(PANEL_WIDTH)
        self._status = server.gui.add_markdown("")

    def at_once(self) -> AbstractContextManager[None]:
        """Have all that is shown meanwhile appear at the same time.

        viser sends at most 128 changes together, so a frame must not be more of them.
        """
        return self.server.atomic()

    def look_at(self, middle: Floats) -> None:
        """Look at a place (3,) in mm from between it and the first camera."""
        self._place_middle(middle)
        for client in self.server.get_clients().values():
            client.camera.position, client.camera.look_at = EYE, (0.0, 0.0, 0.0)

    def keep_in_view(self, middle: Floats) -> None:
        """Go along with a hand whose middle (3,) in mm has left the place that is looked at."""
        if self._middle is None or np.linalg.norm(middle - self._middle) > LEFT_MM:
            self._place_middle(middle)

    def _place_middle(self, middle: Floats) -> None:
        # What is shown moves, not the cameras of those who look: theirs may be on the way to us.
        self._middle = middle
        self._world.position = -np.asarray(middle, np.float64) / UNIT_MM

    def hide_points(self, name: str) -> None:
        """Show none of the points of a name."""
        self._points[name].visible = False

    def show_points(self, name: str, points: Floats, colours: NDArray[np.uint8], spacing_mm: float) -> None:
        """Show points under a name, in place of those that it had.

        Args:
            name: Name of the points.
            points: Mm, (N, 3).
            colours: RGB, (N, 3).
            spacing_mm: About how far the pixels are apart on the hand; points cover part of that, since the
                joints are behind them.
        """
        size = max(LEAST_POINT_MM, 0.3 * spacing_mm) / UNIT_MM
        node = self._points.get(name)
        if node is None:
            self._points[name] = self.server.scene.add_point_cloud(
                f"{WORLD}/points/{name}",
                points / UNIT_MM,
                colours,
                point_size=size,
                precision="float32",
            )
            return
        node.points, node.colors = (points / UNIT_MM).astype(np.float32), colours
        node.point_size, node.visible = size, True

    def skeleton(
        self, name: str, skeleton: Skeleton, colour: tuple[int, int, int] | None = None
    ) -> "SkeletonNode":
        """Return the skeleton of that name, which shows nothing at first; by default in fingers' colours."""
        if name not in self._skeletons:
            self._skeletons[name] = SkeletonNode(self.server, name, skeleton, colour)
        return self._skeletons[name]

    def hide_skeleton(self, name: str) -> None:
        """Show nothing of a skeleton, if there is one of that name."""
        if name in self._skeletons:
            self._skeletons[name].show(None)

    def show_pictures(self, pictures: Sequence[tuple[str, Image]]) -> None:
        """Show pictures of one size with their titles, beside each other."""
        self._picture.visible = bool(pictures)
        if pictures:
            titles, images = zip(*pictures, strict=True)
            self._picture.image = np.asarray(images[0] if len(images) == 1 else contact_sheet(images, titles))
            self._picture.label = titles[0] if len(images) == 1 else None

    @property
    def names_of_points(self) -> set[str]:
        """Names that points were shown under."""
        return set(self._points)

    def show_status(self, markdown: str) -> None:
        """Show what is going on above the controls."""
        self._status.content = markdown

    def show_table(self, html: str) -> None:
        """Show a table below the pictures."""
        self._table.content = html


class SkeletonNode:
    """One skeleton in space; see `Page.skeleton`.

    Its joints are one mesh drawn at many places: browsers apply places of nodes before what nodes hold, so
    that joints that are nodes would be a frame ahead of bones and points.
    """

    def __init__(
        self, server: "ViserServer", name: str, skeleton: Skeleton, colour: tuple[int, int, int] | None
    ) -> None:
        import trimesh

        self._bones = np.array(skeleton.bones, np.int64).reshape(-1, 2)
        colours = np.array([colour or FINGER_COLOURS[group] for group in skeleton.groups], np.uint8)
        ends = colours[self._bones[:, 0]]
        self._emphasised = np.ones(len(skeleton), np.float32)
        self._shown: NDArray[np.bool_] = np.zeros(len(skeleton), bool)
        self._whole = server.scene.add_frame(f"{WORLD}/{name}", show_axes=False, visible=False)
        self._lines = server.scene.add_line_segments(
            f"{WORLD}/{name}/bones",
            np.zeros((len(self._bones), 2, 3), np.float32),
            np.repeat(ends[:, None], 2, axis=1),
            thickness=BONE_MM / UNIT_MM,
        )
        ball = trimesh.creation.icosphere(subdivisions=2, radius=JOINT_MM / UNIT_MM)
        self._joints = server.scene.add_batched_meshes_simple(
            f"{WORLD}/{name}/joints",
            np.asarray(ball.vertices, np.float32),
            np.asarray(ball.faces, np.uint32),
            batched_wxyzs=np.tile(np.array([1, 0, 0, 0], np.float32), (len(skeleton), 1)),
            batched_positions=np.zeros((len(skeleton), 3), np.float32),
            batched_scales=self._emphasised,
            batched_colors=colours,
            lod="off",
        )

    def show(self, joints: Floats | None) -> None:
        """Show joints (J, 3) in mm, without those that are NaN; None for none."""
        joints = np.full((len(self._shown), 3), np.nan, np.float32) if joints is None else joints
        known = np.atleast_1d(np.isfinite(joints).all(axis=-1))
        self._whole.visible = bool(known.any())
        if not known.any():
            return
        places = np.where(known[:, None], joints, joints[known][0]).astype(np.float32) / UNIT_MM
        both = np.atleast_1d(known[self._bones].all(axis=-1))
        self._lines.points = np.where(both[:, None, None], places[self._bones], places[0])
        self._joints.batched_positions = places
        self._shown = known
        self._size()

    def emphasise(self, joint: int) -> None:
        """Draw one joint larger than the others."""
        self._emphasised = np.where(np.arange(len(self._shown)) == joint, SELECTED, 1.0).astype(np.float32)
        self._size()

    def on_click(self, act: Callable[[int], None]) -> None:
        """Have a function called with the index of a joint that is clicked on."""
        self._joints.on_click(lambda event: act(event.instance_index or 0))

    def _size(self) -> None:
        self._joints.batched_scales = self._emphasised * self._shown
