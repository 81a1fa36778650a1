"""Frames on disk become stores, regions and patches."""
