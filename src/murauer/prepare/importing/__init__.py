"""Datasets and captures into stores."""
