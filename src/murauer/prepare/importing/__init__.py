"""Datasets and recordings into stores."""
