"""Controls to label: a gizmo at the selected joint, buttons and keys."""

from functools import partial
from typing import Any

import numpy as np

from murauer.errors import UserError
from murauer.studio.labels.hand_fits import Fit
from murauer.studio.labels.labelling import MODES
from murauer.studio.labels.snapping import UNDER_THE_SKIN_MM
from murauer.studio.page.actions import Actions
from murauer.studio.page.page import UNIT_MM, WORLD
from murauer.studio.studio import Studio

GIZMO_MM = 34.0
NUDGE_MM = 1.0
NUDGES = {"J": (-1, 0, 0), "L": (1, 0, 0), "I": (0, -1, 0), "K": (0, 1, 0), "U": (0, 0, -1), "O": (0, 0, 1)}
"""Keys that move the selected joint, and in which direction of the first camera."""


class LabelControls:
    """Moves, undoes, accepts and exports labels.

    Args:
        studio: What they act on.
        actions: How they do it.
    """

    def __init__(self, studio: Studio, actions: Actions) -> None:
        self._studio, self._labelling, self._actions = studio, studio.labelling, actions
        server, labelling = studio.page.server, studio.labelling
        gui, joints = server.gui, studio.album.skeleton.joints
        self._dragging = False
        self._gizmo = server.scene.add_transform_controls(
            f"{WORLD}/gizmo",
            scale=GIZMO_MM / UNIT_MM,
            line_width=3.0,
            depth_test=False,
            disable_rotations=True,
            visible=False,
        )
        self._gizmo.on_update(self._moved)
        studio.page.skeleton("label", studio.album.skeleton).on_click(
            lambda joint: actions.perform(lambda: labelling.select(joint))
        )
        with gui.add_folder("Label"):
            self._joint = actions.value(
                gui.add_dropdown("Joint", joints, initial_value=joints[labelling.selected]),
                lambda name: labelling.select(joints.index(name)),
            )
            self._mode = actions.value(
                gui.add_dropdown("Drag moves", MODES, initial_value=labelling.mode), labelling.choose_mode
            )
            self._place = actions.value(gui.add_vector3("x, y, z mm", (0.0, 0.0, 0.0), step=0.1), self._put)
            actions.button("Snap to the surface", "G", self._snap)
            self._below = gui.add_number("mm below it", UNDER_THE_SKIN_MM, min=0.0, max=30.0, step=0.5)
            actions.button("Start from the prediction", "R", labelling.start_from_prediction)
            actions.buttons(
                "Ctrl+Z, Y",
                {"Undo": ("Z", labelling.undo), "Redo": ("Y", labelling.redo)},
                modifier="cmd/ctrl",
            )
            actions.buttons(
                "Enter, X, Del",
                {
                    "Accept": ("enter", self._accept),
                    "No hand": ("X", self._no_hand),
                    "Delete": ("delete", labelling.delete),
                },
            )
            actions.button("Write accepted labels", "S", self.export, "cmd/ctrl")
        for number, mode in enumerate(MODES, start=1):
            actions.key(f"Drag moves {mode}", str(number), partial(labelling.choose_mode, mode))
        actions.key("Next joint", "V", lambda: labelling.select(labelling.selected + 1))
        actions.key("Previous joint", "C", lambda: labelling.select(labelling.selected - 1))
        for key, direction in NUDGES.items():
            step = np.array(direction, np.float32) * NUDGE_MM
            actions.key(f"Move the joint by {direction} mm", key, partial(labelling.nudge, step))

    def follow(self) -> None:
        """Show the label as it is."""
        labelling, joints = self._labelling, self._labelling.joints
        on = labelling.can_label
        if on and not self._studio.moves_on and not labelling.can_drag:
            self._fit_hand()
        self._gizmo.visible = on and not self._studio.moves_on and labelling.can_drag
        self._joint.value = self._studio.album.skeleton.joints[labelling.selected]
        self._mode.value = labelling.mode
        self._gizmo.disable_rotations = labelling.mode != "whole hand"
        self._studio.page.skeleton("label", self._studio.album.skeleton).emphasise(
            labelling.selected if on else -1
        )
        if joints is not None and not self._dragging:
            place = joints[labelling.selected]
            self._place.value = tuple(round(float(value), 1) for value in place)
            self._gizmo.position, self._gizmo.wxyz = place / UNIT_MM, (1.0, 0.0, 0.0, 0.0)

    def export(self) -> None:
        """Write the accepted labels where training reads them."""
        labels = self._labelling.label_log.accepted()
        if not labels:
            raise UserError("no label is accepted yet: press Enter on a frame whose label is right")
        todo = self._studio.album.write_labels(labels)
        self._actions.tell(f"{len(labels)} labels written; {todo}")

    async def _moved(self, event: Any) -> None:
        """Follow the mouse; a coroutine, since those are called in the order of what happened."""
        import viser.transforms  # extra

        if not np.isfinite((*event.target.position, *event.target.wxyz)).all():
            return
        place = np.asarray(event.target.position, np.float32) * UNIT_MM
        rotation = viser.transforms.SO3(np.asarray(event.target.wxyz)).as_matrix().astype(np.float64)
        ends = event.phase == "end"

        def act() -> None:
            self._dragging = not ends
            (self._labelling.drop if ends else self._labelling.drag)(place, rotation)

        self._actions.perform(act, None if ends else "drag")

    def _fit_hand(self) -> None:
        """Have the bones of the person seen fitted; everything but drags that hold them goes on meanwhile."""

        def fitted(fit: Fit) -> None:
            if fit.exception() is not None:
                self._labelling.choose_mode("one joint")
            fit.result()
            self._actions.tell("The hand model is fitted: drags hold its bones now.")

        if self._labelling.fit_hand(lambda fit: self._actions.perform(partial(fitted, fit))):
            self._actions.tell("The hand model is being fitted to this hand; all else goes on meanwhile.")

    def _put(self, place: tuple[float, float, float]) -> None:
        self._labelling.drop(np.array(place, np.float32))

    def _snap(self) -> None:
        self._labelling.snap(self._studio.frame.views[0], self._below.value)

    def _no_hand(self) -> None:
        self._labelling.say_no_hand()
        self._studio.next_to_label()

    def _accept(self) -> None:
        self._labelling.accept()
        self._studio.next_to_label()
