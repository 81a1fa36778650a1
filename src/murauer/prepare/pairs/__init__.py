"""Synthetic images of the poses of labelled frames."""
