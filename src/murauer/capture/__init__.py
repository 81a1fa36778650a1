"""Raw frames: the gate for depth and cameras, recordings of one's own, and the sources of depth."""
