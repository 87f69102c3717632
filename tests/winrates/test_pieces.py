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


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 999), st.lists(st.integers(2, 6), min_size=2, max_size=4), st.lists(st.floats(0.1, 2), min_size=6, max_size=6)
)
def test_the_cells_have_the_textbook_covariance(seed: int, sizes: list[int], spreads: list[float]) -> None:
    """For any structure and any standard deviations, the prior covariance of the cells' log odds is that of independent effects."""
    cells = table(seed, tuple(sizes))
    dimensions = [f"d{k}" for k in range(len(sizes))]
    cross = [("d0", "d1")] + ([("d1", "d2")] if len(sizes) > 2 else [])
    pieces = pieces_of(cells, dimensions, cross)
    variance = np.array(spreads[: len(pieces.terms)]) ** 2

    groups = [cells[name] for name in dimensions] + [cells[a] + "|" + cells[b] for a, b in cross]
    textbook = sum(v * np.equal.outer(group.to_numpy(), group.to_numpy()) for v, group in zip(variance, groups, strict=True))
    of_effects = (pieces.basis.toarray() * (pieces.pooling @ variance)) @ pieces.basis.toarray().T
    chosen = np.zeros((len(cells), len(pieces.effects)))
    for row in pieces.position:
        chosen[np.arange(len(cells)), row] += 1
    assert chosen @ of_effects @ chosen.T + pieces.share @ variance == pytest.approx(textbook, abs=1e-10)


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
