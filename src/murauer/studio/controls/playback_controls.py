"""Controls to leaf through a folder and to choose what is shown."""

from typing import Any

from murauer.studio.page.actions import Actions
from murauer.studio.studio import FASTEST_RATE, PICTURES, SLOWEST_RATE, Studio


class PlaybackControls:
    """Frame, play, step, sets, orders, pictures.

    Args:
        studio: What they act on.
        actions: How they do it.
    """

    def __init__(self, studio: Studio, actions: Actions) -> None:
        self._studio = studio
        gui, value = studio.page.server.gui, actions.value
        with gui.add_folder("Frames"):
            last = max(len(studio.order) - 1, 1)
            self._slider: Any = gui.add_slider("Frame", 0, last, 1, 0)
            value(self._slider, lambda place: studio.step(int(place) - studio.place), "slider")
            actions.buttons(
                "N, B, Space",
                {
                    "Back": ("B", lambda: studio.step(-1)),
                    "Play": ("space", studio.play),
                    "Next": ("N", lambda: studio.step(+1)),
                },
            )
            actions.key("First frame", "home", lambda: studio.go(0))
            actions.key("Last frame", "end", lambda: studio.go(len(studio.order)))
            rate = gui.add_slider("Frames a second", SLOWEST_RATE, FASTEST_RATE, 1, studio.rate)
            value(rate, lambda chosen: setattr(studio, "rate", chosen))
            if len(studio.album.sets) > 1:
                sets = gui.add_dropdown("Set", tuple(studio.album.sets), initial_value=studio.set_name)
                value(sets, studio.choose_set)
            orders = ("as recorded", "worst first", *(("given list",) if studio.listed else ()))
            first = orders[-1 if studio.listed else 0]
            value(gui.add_dropdown("Order", orders, initial_value=first), studio.choose_order)
        with gui.add_folder("Show"):
            pictures = gui.add_dropdown("Pictures", PICTURES, initial_value=studio.pictures)
            value(pictures, lambda chosen: setattr(studio, "pictures", chosen))
            self._points: Any = gui.add_checkbox("Points (P)", studio.points)
            value(self._points, lambda on: setattr(studio, "points", on))
            value(gui.add_checkbox("Around the hand", studio.wide), lambda on: setattr(studio, "wide", on))
            value(
                gui.add_checkbox("Points of the synthetic pair", studio.pair),
                lambda on: setattr(studio, "pair", on),
            )
            actions.key("Points on or off", "P", studio.toggle_points)
            actions.button("Look at the hand", "H", studio.look_at_hand)

    def follow(self) -> None:
        """Show where the studio is."""
        self._slider.max = max(len(self._studio.order) - 1, 1)
        self._slider.value = self._studio.place
        self._points.value = self._studio.points
