"""Losses, schedules and the loops of pre-training and joint training."""
