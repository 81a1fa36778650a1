"""Hands of those who are labelled, fitted in the background: that takes seconds, and the page goes on."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from murauer.errors import UserError
from murauer.geometry.skeletons import Skeleton
from murauer.studio.albums.album import Floats
from murauer.studio.labels.held_hand import HeldHand

Fit = Future[HeldHand]


class HandFits:
    """One hand for each person, by their number.

    Args:
        skeleton: Skeleton of the labels that hands are fitted to.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        self._skeleton = skeleton
        self._fits: dict[int, Fit] = {}
        self._thread = ThreadPoolExecutor(1, "hand fit")

    def check(self) -> None:
        """Tell whether the hand model has the joints.

        Raises:
            UserError: It does not.
        """
        if not HeldHand.fits(self._skeleton):
            raise UserError(f"the hand model does not have the joints of {self._skeleton.name}")

    def start(self, person: int, labels: Floats, then: Callable[[Fit], object]) -> bool:
        """Fit a person's hand, unless it is fitted or being fitted.

        Args:
            person: Their number.
            labels: See `HeldHand`.
            then: Called at the end, in another thread, with what came of it.

        Returns:
            Whether a fit was started.
        """
        if self.running(person) or self.hand(person) is not None:
            return False
        self._fits[person] = self._thread.submit(HeldHand, labels, self._skeleton)
        self._fits[person].add_done_callback(then)
        return True

    def running(self, person: int) -> bool:
        """Whether a person's hand is being fitted."""
        return person in self._fits and not self._fits[person].done()

    def hand(self, person: int) -> HeldHand | None:
        """A person's hand; None if it is not fitted, or could not be."""
        fit = self._fits.get(person)
        return None if fit is None or not fit.done() or fit.exception() is not None else fit.result()
