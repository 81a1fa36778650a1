"""Error statistics, published prediction files and figures."""
