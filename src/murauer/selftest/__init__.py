"""Whether this installation computes on this machine what it shall."""
