"""What the figures of the paper and of the report show."""
