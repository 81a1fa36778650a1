"""Labels: how they are made and kept."""
