"""Bytes from outside: measured before they are decoded, and refused in one sentence if they are not sound."""
