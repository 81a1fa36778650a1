"""Puts studio, page and controls together, and runs them until Ctrl-C."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from murauer.errors import UserError
from murauer.studio.albums.album import Album
from murauer.studio.controls.label_controls import LabelControls
from murauer.studio.controls.playback_controls import PlaybackControls
from murauer.studio.labels.label_log import LabelLog
from murauer.studio.labels.labelling import Labelling
from murauer.studio.page.actions import Actions
from murauer.studio.page.page import Page
from murauer.studio.page.worker import Worker
from murauer.studio.predicting import Predictor
from murauer.studio.studio import Studio

if TYPE_CHECKING:
    from viser import ViserServer


def run_studio(
    server: "ViserServer",
    album: Album,
    predictors: Sequence[Predictor],
    label_log: LabelLog,
    listed: dict[str, NDArray[np.int64]] | None = None,
    worker: Worker | None = None,
) -> None:
    """Show a folder on a page and let people label it; returns when the worker is stopped, or at Ctrl-C.

    Args:
        server: Guarded, see `guard.serve`.
        album: The folder.
        predictors: None, one, or two to compare.
        label_log: Label log of the folder's labels.
        listed: Frames to leaf through, by set.
        worker: Does everything.
    """
    worker = worker or Worker()
    page = Page(server)
    studio = Studio(album, page, predictors, Labelling(label_log, album.skeleton), listed)

    def draw() -> None:
        with page.at_once():
            playback.follow()
            labels.follow()
            studio.draw()

    actions = Actions(server, worker, draw)
    playback = PlaybackControls(studio, actions)
    labels = LabelControls(studio, actions)

    def tick() -> float | None:
        frame, wait = studio.frame, None
        try:
            wait = studio.tick()
        except UserError as error:
            actions.tell(str(error))
            draw()
        if studio.frame is not frame:
            draw()
        return wait

    draw()
    with suppress(KeyboardInterrupt):
        worker.run(tick)
