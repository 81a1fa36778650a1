"""Random numbers that do not depend on how many processes draw them."""

import hashlib

from torch import Generator


def random_stream(seed: int, *keys: int | str) -> Generator:
    """A random stream of its own for each purpose, the same for any number of workers."""
    digest = hashlib.sha256("/".join(map(str, (seed, *keys))).encode()).digest()
    return Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)
