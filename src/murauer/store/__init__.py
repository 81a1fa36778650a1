"""Frames on disk become recordings, regions and patches."""
