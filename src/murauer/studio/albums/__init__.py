"""What the studio leafs through."""
