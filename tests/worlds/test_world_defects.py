"""Defects stand where the log says, and nowhere else."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from whywin.worlds.defects import DEFECTS, inject
from whywin.worlds.market import Market, World, simulate

TOUCHED = {
    "duplicate id": "deal_id",
    "closed before created": "closed",
    "unknown outcome label": "outcome",
    "created missing": "created",
    "negative amount": "amount",
    "misspelt region": "region",
}


@pytest.fixture(scope="module")
def clean() -> World:
    """A market whose deals are all in order."""
    return simulate(Market(deals=2000, follow_up_days=30))


@pytest.fixture(scope="module")
def spoilt() -> World:
    """The same market with a fifth of its rows spoilt."""
    return simulate(Market(deals=2000, follow_up_days=30, defects=0.2))


def test_a_clean_market_has_no_defect(clean: World) -> None:
    """Without the knob nothing is spoilt and the log is empty."""
    table, log = inject(clean.tables["deals"], 0.0, 1)

    assert table is clean.tables["deals"]
    assert len(log) == len(clean.defects) == 0
    assert list(log.columns) == ["row", "defect"]


def test_the_asked_share_is_spoilt_one_defect_a_row(spoilt: World) -> None:
    """Every kind of defect occurs, and as many rows are listed as were asked for, each once."""
    assert len(spoilt.defects) == 400
    assert spoilt.defects["row"].is_unique
    assert set(spoilt.defects["defect"]) == set(DEFECTS) == set(TOUCHED)


def test_a_defect_changes_its_own_cell_and_no_other(clean: World, spoilt: World) -> None:
    """Each listed row differs from the clean table in the column of its defect alone; the other rows do not differ at all."""
    before, after = clean.tables["deals"], spoilt.tables["deals"]
    differs = (before != after) & ~(before.isna() & after.isna())
    expected = pd.DataFrame(data=False, index=before.index, columns=before.columns)
    for row, defect in spoilt.defects.itertuples(index=False):
        expected.loc[row, TOUCHED[defect]] = True

    assert_frame_equal(differs, expected)


def test_each_defect_is_what_it_is_called(spoilt: World) -> None:
    """The spoilt cells break the rule that gives the defect its name."""
    deals = spoilt.tables["deals"]
    rows = {kind: deals.loc[part["row"]] for kind, part in spoilt.defects.groupby("defect")}

    assert (rows["closed before created"]["closed"] < rows["closed before created"]["created"]).all()
    assert not rows["unknown outcome label"]["outcome"].isin(["Won", "Lost", "Open"]).any()
    assert rows["created missing"]["created"].isna().all()
    assert (rows["negative amount"]["amount"] < 0).all()
    assert not rows["misspelt region"]["region"].isin(["North", "South", "East", "West"]).any()
    first = deals["deal_id"].drop_duplicates().index
    assert not set(rows["duplicate id"].index) & set(first)
    assert deals["deal_id"].duplicated().sum() == len(rows["duplicate id"])


def test_the_clean_table_is_left_as_it_was(clean: World) -> None:
    """Spoiling returns a new table; the given one stays clean."""
    copy = clean.tables["deals"].copy()
    inject(clean.tables["deals"], 0.3, 4)

    assert_frame_equal(clean.tables["deals"], copy)


def test_the_truth_is_of_the_deals_before_they_were_spoilt(clean: World, spoilt: World) -> None:
    """Bad data entry changes what is seen, not what is true."""
    assert_frame_equal(clean.truth, spoilt.truth, check_exact=True)
    assert_frame_equal(clean.potential, spoilt.potential, check_exact=True)


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 0.5), st.integers(0, 1000), st.integers(50, 200))
def test_defects_repeat_and_keep_to_their_share(share: float, seed: int, deals: int) -> None:
    """The same share and seed spoil the same rows, as many as the share says, and never the first six."""
    table = simulate(Market(deals=deals, quarters=1, shift_quarter=0)).tables["deals"]
    (first, log), (second, again) = inject(table, share, seed), inject(table, share, seed)

    assert_frame_equal(first, second)
    assert_frame_equal(log, again)
    assert len(log) == round(share * deals)
    assert np.all(log["row"] >= 6)
