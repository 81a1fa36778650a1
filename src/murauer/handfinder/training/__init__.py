"""Trains the two networks of the hand finder on simulated rooms."""
