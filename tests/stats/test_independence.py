"""Whether two things are unrelated once others are known."""

import numpy as np
import pytest
from scipy.stats import kstest

from whywin.stats.independence import basis, independence, left_over, normal_scores, orthonormal


def left(first: np.ndarray, second: np.ndarray, *given: np.ndarray) -> tuple[float, float]:
    """The p-value and the size for blocks of columns."""
    blocks = [block.reshape(len(first), -1) for block in (first, second, *given)]
    on = orthonormal(basis(blocks[2:]) if given else np.ones((len(first), 1)))
    found = independence(left_over(blocks[0], on), left_over(blocks[1], on), on.shape[1])
    return found.chance, found.size


def labels(rng: np.random.Generator, score: np.ndarray, levels: int = 4) -> np.ndarray:
    """One column a level but the first, where a high score makes the later levels likelier."""
    drawn = np.digitize(score + rng.logistic(size=len(score)), np.linspace(-1.5, 1.5, levels - 1))
    return (drawn[:, None] == np.arange(1, levels)).astype(float)


def world(seed: int, direct: float = 0.0, rows: int = 1_000) -> list[np.ndarray]:
    """A number that moves a yes or no and a label, not along a straight line; the yes or no moves the label by `direct`."""
    rng = np.random.default_rng(seed)
    cause = rng.normal(size=rows)
    yes = (rng.uniform(size=rows) < 1 / (1 + np.exp(-cause - 0.4 * cause**2))).astype(float)
    return [yes, labels(rng, cause + 0.5 * cause**2 + direct * yes), normal_scores(np.exp(cause))]


def test_p_values_are_uniform_where_nothing_is_left() -> None:
    """Given their common cause a yes or no and a label of four levels are unrelated: every p-value is as likely as any other."""
    chances = np.array([left(*world(seed))[0] for seed in range(400)])

    assert kstest(chances, "uniform").pvalue > 0.01
    assert 0.02 < (chances < 0.05).mean() < 0.085


def test_what_is_left_is_found() -> None:
    """Without the common cause, or with a direct effect, the two are related, and the size says how strongly."""
    yes, label, cause = world(1)

    assert left(yes, label)[0] < 1e-6
    assert left(yes, world(1, direct=1.5)[1], cause)[0] < 1e-6
    assert left(yes, world(1, direct=1.5)[1], cause)[1] > 0.15


@pytest.mark.parametrize("strength", [0.1, 0.3])
def test_the_size_is_the_correlation_of_numbers(strength: float) -> None:
    """For two normal numbers the size is their correlation."""
    rng = np.random.default_rng(3)
    first = rng.normal(size=20_000)
    second = strength * first + np.sqrt(1 - strength**2) * rng.normal(size=20_000)

    assert left(first, second)[1] == pytest.approx(strength, abs=0.02)


def test_spreads_that_depend_on_the_cause_do_no_harm() -> None:
    """Where both sides vary more for a large cause, a test that takes one spread for all would be wrong; this one keeps its size."""

    def once(seed: int) -> float:
        rng = np.random.default_rng(seed)
        cause = rng.normal(size=800)
        spread = np.exp(0.7 * cause)
        return left(spread * rng.normal(size=800), spread * rng.normal(size=800), cause)[0]

    assert (np.array([once(seed) for seed in range(400)]) < 0.05).mean() < 0.085


def test_what_says_nothing_is_no_evidence() -> None:
    """A column that what is given explains entirely leaves nothing to test."""
    rng = np.random.default_rng(0)
    cause = rng.normal(size=200)

    assert left(cause, rng.normal(size=200), cause) == (1.0, 0.0)


def test_ranks_tame_a_long_tail() -> None:
    """A single deal of a thousand times the others' amount moves its own rank only, and ties have one score."""
    rng = np.random.default_rng(0)
    values = rng.exponential(size=300)
    raised = np.where(values == values.max(), 1e6, values)

    assert (normal_scores(values) == normal_scores(raised)).all()
    assert len(set(normal_scores(np.array([1.0, 1.0, 2.0, 3.0])))) == 3
