"""Makes what training reads: imports, renders, and pairs real frames with synthetic ones."""
