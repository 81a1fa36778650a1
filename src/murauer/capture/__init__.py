"""Raw frames: the gate for depth and cameras, the writer of captures, and the sources of depth."""
