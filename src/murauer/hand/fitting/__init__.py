"""Fitting the hand model to labelled joints: poses, people, and where a dataset's joints lie in the hand."""

from murauer.hand.fitting.fit import FEWEST_JOINTS, HandFit, costs_of_hands, fit_hands
from murauer.hand.fitting.problem import FittingWeights
from murauer.hand.fitting.starts import align

__all__ = ["FEWEST_JOINTS", "FittingWeights", "HandFit", "align", "costs_of_hands", "fit_hands"]
