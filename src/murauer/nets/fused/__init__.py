"""Layers arranged for a processor's cache."""
