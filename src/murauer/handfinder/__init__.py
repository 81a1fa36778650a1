"""Finds hands in whole frames, and tells right from left."""
