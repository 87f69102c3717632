"""Random streams belong to names."""

import numpy as np

from whywin.stats.streams import seeded_global_stream, stream


def test_a_stream_depends_on_seed_and_name_alone() -> None:
    """The same seed and name give the same numbers; another of either gives others."""
    first = stream(1, "matching").normal(size=4)

    assert np.array_equal(first, stream(1, "matching").normal(size=4))
    assert not np.array_equal(first, stream(1, "dowhy").normal(size=4))
    assert not np.array_equal(first, stream(2, "matching").normal(size=4))


def test_a_stream_stays_what_it_was_when_released() -> None:
    """Numbers of old runs can be repeated: a stream's first draws are pinned."""
    assert stream(0, "observed").integers(1_000_000, size=3).tolist() == PINNED


def test_the_global_stream_is_put_back() -> None:
    """A library that draws from NumPy's global stream leaves no trace, and repeats under the same generator."""
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the state itself is what is tested
    draws = []
    for _ in range(2):
        with seeded_global_stream(stream(3, "dowhy")):
            draws.append(np.random.random())  # noqa: NPY002

    assert draws[0] == draws[1]
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


PINNED = [933389, 734159, 326165]
