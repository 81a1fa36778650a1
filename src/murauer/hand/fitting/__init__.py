"""Fitting the hand model to labelled joints: poses, people, and where a dataset's joints lie in the hand."""

from murauer.hand.fitting.fit import HandFit, Side, fit_hands
from murauer.hand.fitting.problem import FittingWeights

__all__ = ["FittingWeights", "HandFit", "Side", "fit_hands"]
