"""Adapting a model to a camera from frames without labels, or with a few."""
