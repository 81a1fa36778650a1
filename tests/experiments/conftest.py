"""The store and the runs that tests of this folder use."""

from untrained_runs import runs, store  # noqa: F401
