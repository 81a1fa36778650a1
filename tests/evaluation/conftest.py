"""The recording and the runs that tests of this folder use."""

from untrained_runs import recording, runs  # noqa: F401
