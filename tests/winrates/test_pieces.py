"""Zero-sum pieces with pooled variances are the textbook model of independent normal effects, written anew."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whywin.winrates.pieces import pieces_of


def table(seed: int, sizes: tuple[int, ...], cells: int = 25) -> pd.DataFrame:
    """Made-up cells over dimensions with so many levels, each of which is there."""
    rng = np.random.default_rng(seed)
    codes = {f"d{k}": np.concatenate([np.arange(size), rng.integers(size, size=cells - size)]) for k, size in enumerate(sizes)}
    counts = rng.integers(1, 90, cells)
    return pd.DataFrame({**{name: code.astype(str) for name, code in codes.items()}, "deals": counts, "won": counts // 3})


def rng_labels(seed: int, count: int) -> np.ndarray:
    """One of three names for each cell: nested in the cell's first dimension they make unequal groups."""
    return np.random.default_rng(seed + 1).choice(["a", "b", "c"], count)


def textbook_covariance(groups: list[tuple[pd.Series, np.ndarray | None]], variance: np.ndarray) -> np.ndarray:
    """Covariance of the cells' log odds: for each group its variance between equal labels, or between places of a walk."""
    total = np.zeros((len(groups[0][0]),) * 2)
    for v, (labels, walk) in zip(variance, groups, strict=True):
        same = np.equal.outer(labels.to_numpy(), labels.to_numpy()).astype(float)
        total += v * (same if walk is None else same * walk)
    return total


def prior_covariance(pieces: object, variance: np.ndarray, cells: int) -> np.ndarray:
    """The same of the pieces, the intercept's own prior left out."""
    basis = pieces.basis.toarray()
    chosen = np.zeros((cells, len(pieces.effects)))
    for row in pieces.position:
        chosen[np.arange(cells), row] += 1
    return chosen @ (basis * (pieces.pooling @ variance)) @ basis.T @ chosen.T + pieces.share @ variance


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 999), st.lists(st.integers(2, 6), min_size=2, max_size=4), st.lists(st.floats(0.1, 2), min_size=8, max_size=8)
)
def test_the_cells_have_the_textbook_covariance(seed: int, sizes: list[int], spreads: list[float]) -> None:
    """For any structure and any standard deviations, the prior covariance of the cells' log odds is that of independent effects."""
    cells = table(seed, tuple(sizes))
    dimensions = [f"d{k}" for k in range(len(sizes))]
    cells["rep"] = cells["d0"] + "-" + rng_labels(seed, len(cells))
    dimensions = [*dimensions, "rep"]
    cross = [("d0", "d1")] + ([("d1", "d2")] if len(sizes) > 2 else []) + ([("rep", "d1")] if seed % 2 else [])
    pieces = pieces_of(cells, dimensions, cross)
    variance = np.array(spreads[: len(pieces.terms)]) ** 2

    groups = [cells[name] for name in dimensions] + [cells[a] + "|" + cells[b] for a, b in cross]
    textbook = textbook_covariance([(group, None) for group in groups], variance)
    assert prior_covariance(pieces, variance, len(cells)) == pytest.approx(textbook, abs=1e-10)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 999), st.integers(2, 7), st.lists(st.floats(0.1, 2), min_size=4, max_size=4))
def test_a_walk_and_its_crossing_have_the_covariance_of_walks(seed: int, periods: int, spreads: list[float]) -> None:
    """Periods follow one random walk about its mean, and each level of a crossed dimension one of its own beside it."""
    cells = table(seed, (3, periods))
    pieces = pieces_of(cells, ["d0", "d1"], [("d0", "d1")], walks=["d1"], overdispersed=True)
    variance = np.array(spreads) ** 2
    place = np.arange(periods, dtype=float)
    centre = np.eye(periods) - 1 / periods
    walk = centre @ np.minimum.outer(place, place) @ centre
    walk /= np.exp(np.log(np.diag(walk)).mean())
    codes = cells["d1"].astype(int).to_numpy()
    between = walk[np.ix_(codes, codes)]
    nothing = cells["d0"].where(cells["d0"].isna(), "x")
    groups = [(cells["d0"], None), (nothing, between), (cells["d0"], between), (pd.Series(range(len(cells))), None)]

    assert pieces.terms == ("d0", "d1", "d0 × d1", "cells")
    assert prior_covariance(pieces, variance, len(cells)) == pytest.approx(textbook_covariance(groups, variance), abs=1e-10)


def test_levels_without_deals_are_kept_in_their_order() -> None:
    """A period in which nothing closed stands in the walk between its neighbours, and belongs to no cell."""
    cells = pd.DataFrame({"q": ["2023Q1", "2023Q3"], "deals": [50, 60], "won": [20, 30]})
    pieces = pieces_of(cells, ["q"], walks=["q"], levels={"q": ["2023Q1", "2023Q2", "2023Q3"]})

    assert pieces.effects == ("q=2023Q1", "q=2023Q2", "q=2023Q3")
    assert pieces.position.tolist() == [[0, 2]]


def test_labels_say_which_effect_is_whose() -> None:
    """Every cell finds its own levels under the labels of its positions."""
    cells = table(3, (3, 4))
    pieces = pieces_of(cells, ["d0", "d1"], [("d0", "d1")])

    assert pieces.terms == ("d0", "d1", "d0 × d1")
    for number, row in cells.iterrows():
        labels = [pieces.effects[place] for place in pieces.position[:, number]]
        assert labels == [f"d0={row['d0']}", f"d1={row['d1']}", f"d0={row['d0']} × d1={row['d1']}"]


def test_a_dimension_with_one_level_is_left_out_with_its_crossings() -> None:
    """There is nothing in it to differ, and nothing else changes."""
    cells = table(3, (3, 4)).assign(one="same")
    with_it = pieces_of(cells, ["d0", "one"], [("d0", "one")])

    assert with_it.terms == ("d0",)
    assert np.array_equal(with_it.position, pieces_of(cells, ["d0"]).position)


def test_loud_data_are_centred_and_faint_ones_are_not() -> None:
    """Centring goes to 1 where levels differ far beyond chance, to 0 where they do not, and stays between."""
    many = pd.DataFrame({"a": list("xyz"), "deals": [9000] * 3, "won": [1000, 4000, 8000]})
    same = many.assign(won=[4000, 4010, 3990])

    assert pieces_of(many, ["a"]).centring.min() > 0.95
    assert pieces_of(same, ["a"]).centring.max() < 0.05


def test_thin_and_additive_tables_are_not_centred() -> None:
    """Few deals a level, and a crossing whose rates are the sum of its parts, stay non-centred however far levels lie apart."""
    thin = pd.DataFrame({"a": list("xyz"), "deals": [30] * 3, "won": [2, 15, 28]})
    rate = {("n", "x"): 0.2, ("n", "y"): 0.36, ("s", "x"): 0.5, ("s", "y"): 0.692, ("w", "x"): 0.7, ("w", "y"): 0.84}
    rows = [(a, b, 9000, int(9000 * share)) for (a, b), share in rate.items()]
    additive = pieces_of(pd.DataFrame(rows, columns=["a", "b", "deals", "won"]), ["a", "b"], [("a", "b")])

    assert pieces_of(thin, ["a"]).centring.max() == 0
    assert additive.centring[:2].min() > 0.9
    assert additive.centring[3:].max() < 0.5
