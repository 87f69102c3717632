"""The fused density is the textbook model's."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import binom, norm

from whywin.winrates.density import operation, parts
from whywin.winrates.pieces import Pieces, pieces_of
from whywin.winrates.priors import Priors
from whywin.winrates.sampling import _data

PRIORS = Priors(-0.4, 1.2, 0.5)
WHOLE = parts(lambda function: function)


def small_pieces(seed: int, cells: int = 30) -> Pieces:
    """Two dimensions, crossed, with made-up counts."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"a": rng.integers(4, size=cells).astype(str), "b": rng.integers(3, size=cells).astype(str)})
    table = table.assign(deals=rng.integers(1, 50, cells))
    table = table.assign(won=rng.binomial(table["deals"], 0.3))
    return pieces_of(table, ["a", "b"], [("a", "b")])


def density(pieces: Pieces, point: tuple) -> tuple:
    """The density's value and its gradient at a point."""
    return WHOLE(*point, *_data(pieces, PRIORS).values())


def point_of(pieces: Pieces, seed: int) -> tuple:
    """A random point: intercept, spreads, coordinates."""
    rng = np.random.default_rng(seed)
    return np.array(rng.normal()), rng.uniform(0.2, 2, len(pieces.terms)), rng.normal(size=pieces.basis.shape[1])


def reference(pieces: Pieces, point: tuple) -> float:
    """The same density from SciPy's distributions, term by term, up to a constant."""
    intercept, spread, x = point
    sd = spread * PRIORS.spread
    scale = np.sqrt(pieces.pooling @ sd**2)
    effects = pieces.basis @ (x * scale ** (1 - pieces.centring))
    odds = intercept + PRIORS.centre + effects[pieces.position].sum(axis=0)
    prior = norm.logpdf(intercept, 0, np.sqrt(PRIORS.width**2 + pieces.share @ sd**2))
    return float(
        prior + norm.logpdf(x, 0, scale**pieces.centring).sum() + binom.logpmf(pieces.won, pieces.deals, expit(odds)).sum()
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_differences_of_the_density_are_those_of_the_distributions(seed: int) -> None:
    """Between any two points the log density changes as normal and binomial distributions say."""
    pieces = small_pieces(seed)
    one, other = point_of(pieces, seed + 1), point_of(pieces, seed + 2)

    expected = reference(pieces, one) - reference(pieces, other)
    assert float(density(pieces, one)[0] - density(pieces, other)[0]) == pytest.approx(expected, rel=1e-9, abs=1e-8)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_the_gradient_is_the_density_s_slope(seed: int) -> None:
    """Central differences agree with the gradient in every unknown."""
    pieces = small_pieces(seed)
    point = point_of(pieces, seed)
    _, *gradient = density(pieces, point)
    flat = np.concatenate([np.atleast_1d(part) for part in point])

    def at(moved: np.ndarray) -> float:
        terms = len(pieces.terms)
        return float(density(pieces, (np.array(moved[0]), moved[1 : 1 + terms], moved[1 + terms :]))[0])

    step = 1e-5 * np.eye(len(flat))
    slopes = [(at(flat + row) - at(flat - row)) / 2e-5 for row in step]
    assert slopes == pytest.approx(np.concatenate([np.atleast_1d(part) for part in gradient]), rel=1e-5, abs=1e-4)


def test_cells_say_what_single_deals_say() -> None:
    """The binomial of aggregated cells and one Bernoulli trial per deal have the same density, up to a constant, and the same slope."""
    pieces = small_pieces(5)
    cells = np.repeat(np.arange(len(pieces.deals)), pieces.deals.astype(int))
    within = np.arange(len(cells)) - np.repeat(np.cumsum(pieces.deals) - pieces.deals, pieces.deals.astype(int))
    won = (within < pieces.won[cells]).astype(float)
    single = replace(pieces, position=pieces.position[:, cells], deals=np.ones(len(cells)), won=won)

    points = [point_of(pieces, seed) for seed in range(5)]
    gaps = [float(density(pieces, point)[0] - density(single, point)[0]) for point in points]
    assert gaps == pytest.approx([gaps[0]] * 5, abs=1e-9)
    for ours, theirs in zip(density(pieces, points[0])[1:], density(single, points[0])[1:], strict=True):
        assert ours == pytest.approx(theirs, abs=1e-9)


def test_the_operation_in_a_graph_is_the_same_function() -> None:
    """PyMC's graph of the model, differentiated and run by PyTensor, gives the plain function's value and slopes."""
    import pytensor
    import pytensor.tensor as pt

    pieces = small_pieces(7)
    point = point_of(pieces, 7)
    unknown = [pt.dscalar(), pt.dvector(), pt.dvector()]
    value = operation()(*unknown, *(pt.as_tensor(part) for part in _data(pieces, PRIORS).values()))[0]
    run = pytensor.function(unknown, [value, *pytensor.grad(value, unknown)], mode="FAST_COMPILE")

    for ours, theirs in zip(run(*point), density(pieces, point), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-9)
