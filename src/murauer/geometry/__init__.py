"""Cameras, crops and skeletons: no files, no networks."""
