"""Many trainings: which, where, and what came of them."""
