"""Stores, and sets of stores, that are rendered."""
