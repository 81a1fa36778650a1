"""Readers of datasets on disk: one file each, all giving the same frames."""
