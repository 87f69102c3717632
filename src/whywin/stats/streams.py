"""Random streams by name, so that adding a method moves no other's numbers."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

import numpy as np


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the generator that belongs to a name under a seed: the same for ever, whatever else draws."""
    key = tuple(int.from_bytes(sha256(name.encode()).digest()[i : i + 4], "big") for i in range(0, 16, 4))
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


@contextmanager
def seeded_global_stream(rng: np.random.Generator) -> Iterator[None]:
    """Seed NumPy's global stream from `rng` for libraries that draw from it, and put the old state back."""
    before = np.random.get_state()  # noqa: NPY002 - this is the one place that may touch the global stream
    np.random.seed(int(rng.integers(2**32)))  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002
