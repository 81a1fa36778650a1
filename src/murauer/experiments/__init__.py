"""Experiments over many trainings, each one command."""
