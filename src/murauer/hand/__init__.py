"""Labelled depth from nothing: hand model, pose prior, rasteriser, sensor models."""
