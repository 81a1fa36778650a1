"""The networks f, m, p, g and h, one file each, and the assembled model."""
