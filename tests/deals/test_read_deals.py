"""A CRM's table becomes deals that keep the contract, and what does not keep it is quarantined with its reasons."""

import subprocess
import sys
from datetime import date
from time import perf_counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whywin.deals.contract import Contract, ContractError
from whywin.deals.fingerprints import fingerprint
from whywin.deals.read import keep_contract
from whywin.errors import ConfigError, DataError

LENIENT = Contract(max_bad_share=1.0)


def crm(rows: int, seed: int = 1) -> pd.DataFrame:
    """A clean export with every standard column."""
    rng = np.random.default_rng(seed)
    created = pd.Timestamp("2022-01-01") + pd.to_timedelta(rng.integers(0, 700, rows), unit="D")
    days = rng.integers(1, 120, rows)
    return pd.DataFrame(
        {
            "deal_id": np.char.add("D", np.arange(rows).astype(str)),
            "created": created,
            "closed": created + pd.to_timedelta(days, unit="D"),
            "rep": np.char.add("rep ", rng.integers(0, 300, rows).astype(str)),
            "region": rng.choice(["North", "South", "West"], rows),
            "amount": rng.lognormal(9, 1, rows).round(2),
            "cycle_days": days,
            "outcome": rng.choice(["won", "lost"], rows),
        }
    )


def with_six_faults(table: pd.DataFrame) -> pd.DataFrame:
    """Six kinds of fault, each in 1 % of the rows, no two in one row."""
    table = table.copy()
    table.loc[10::100, "amount"] = -1
    table.loc[11::100, "deal_id"] = "D0"
    table.loc[12::100, "outcome"] = "Win?"
    table.loc[13::100, "closed"] = pd.NaT
    table.loc[14::100, "closed"] = table["created"] - pd.Timedelta(days=3)
    table.loc[15::100, "created"] = pd.Timestamp("2031-01-01")
    return table


def test_a_clean_table_is_kept_whole():
    """Nothing is lost, nothing is invented, and the caller's own table stays as it was."""
    raw = crm(500)
    before = raw.copy(deep=True)

    deals = keep_contract(raw, Contract())

    assert len(deals.table) == 500
    assert deals.quarantine.empty
    assert list(deals.quarantine.columns)[:2] == ["row", "reasons"]
    assert set(deals.table.columns) == {*raw.columns, "won"}
    assert deals.table["won"].tolist() == (raw["outcome"] == "won").astype(float).tolist()
    assert raw.equals(before)


def test_six_kinds_of_fault_in_many_rows_are_all_found_quickly():
    """Every planted row is quarantined, with the right reason, and none besides; 100,000 rows take seconds even when busy."""
    raw = with_six_faults(crm(100_000))
    start = perf_counter()

    deals = keep_contract(raw, Contract(max_bad_share=0.1, as_of=date(2025, 1, 1)))

    assert perf_counter() - start < 10
    planted = np.flatnonzero(np.isin(np.arange(100_000) % 100, range(10, 16)))
    assert deals.quarantine["row"].tolist() == planted.tolist()
    first = deals.quarantine["reasons"].head(6).tolist()
    assert first[0] == "amount: '-1.0' must not be negative"
    assert first[1] == "deal_id: 'D0' is used by an earlier row"
    assert first[2].startswith("outcome: 'Win?' the label is not mapped")
    assert first[3] == "closed: nothing must not be missing for a closed deal"
    assert first[4].endswith("must not be before created")
    assert first[5].endswith("must not be before created; created: '2031-01-01' must not be after deals.as_of, 2025-01-01")
    assert len(deals.table) == 94_000


def test_the_quarantine_holds_the_rows_as_they_came():
    """Row numbers point into the source, several reasons stand side by side, and values are not changed."""
    raw = pd.DataFrame({"outcome": [" won", "lost", "wonn"], "amount": ["1", "2", "x"], "note": ["p", "q", "r"]})

    deals = keep_contract(raw, Contract(max_bad_share=0.5))

    assert deals.quarantine.to_dict("records") == [
        {
            "row": 2,
            "reasons": "amount: 'x' must be a number; outcome: 'wonn' the label is not mapped in deals.won, deals.lost "
            "or deals.open; did you mean 'won'?",
            "outcome": "wonn",
            "amount": "x",
            "note": "r",
        }
    ]


def test_too_many_bad_rows_are_refused_with_one_sentence_a_kind():
    """The refusal gives column, rule, count, the first three values with their rows, and carries the quarantine."""
    raw = crm(20)
    raw.loc[:3, "amount"] = [-1.0, -2.0, -3.0, -4.0]

    with pytest.raises(ContractError) as refused:
        keep_contract(raw, Contract(max_bad_share=0.1))

    headline, sentence = refused.value.faults
    assert headline.startswith("4 rows (20.0 %) break the contract, more than deals.max_bad_share = 0.1 allows")
    assert sentence == "amount: must not be negative: 4 row(s), first '-1.0' in row 0, '-2.0' in row 1, '-3.0' in row 2"
    assert refused.value.quarantine["row"].tolist() == [0, 1, 2, 3]


def test_exactly_the_allowed_share_is_not_refused():
    """The limit is what is allowed, not what is refused."""
    raw = crm(20)
    raw.loc[:1, "amount"] = -1.0

    assert len(keep_contract(raw, Contract(max_bad_share=0.1)).table) == 18


def test_a_table_whose_labels_are_not_mapped_says_which_it_has():
    """The usual first mistake with a new CRM is answered with the labels, their counts and the nearest mapped one."""
    raw = pd.DataFrame({"outcome": ["Won"] * 3 + ["Loss"] * 5})

    with pytest.raises(ContractError) as refused:
        keep_contract(raw, Contract())

    assert (
        "labels that are not mapped: 'Loss' × 5; did you mean 'lost'?, 'Won' × 3; did you mean 'won'?" in refused.value.faults[1]
    )


def test_rows_alike_in_every_column_are_counted_once_where_the_plan_says_so():
    """Two deals that no column tells apart stay two unless the contract says before that they are copies."""
    raw = pd.DataFrame({"region": ["a", "a", "a", "b"], "outcome": ["won", "won", "lost", "lost"]})

    assert len(keep_contract(raw, Contract()).table) == 4
    assert len(keep_contract(raw, Contract(drop_duplicate_rows=True)).table) == 3


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (pd.DataFrame({"outcome": pd.Series([], dtype="str")}), "the table has no rows"),
        (pd.DataFrame({"outcome": ["open", None]}), "no deal is closed"),
    ],
)
def test_a_table_with_nothing_to_learn_from_is_refused(raw: pd.DataFrame, message: str):
    """No rows, or no closed deal, is said in a sentence instead of failing later."""
    with pytest.raises(DataError, match=message):
        keep_contract(raw, LENIENT)


def test_a_share_is_between_nought_and_one():
    """A contract's own settings are held to their rules."""
    with pytest.raises(ConfigError, match="max_bad_share: must be at most 1"):
        Contract(max_bad_share=1.5)


def test_the_fingerprint_is_of_the_content():
    """A value, a name, a row more or two values exchanged change it; a copy, another order and another type of the same values do not."""
    table = keep_contract(crm(50), Contract()).table
    same = fingerprint(table.copy(deep=True))
    exchanged = table["region"].to_numpy().copy()
    exchanged[[0, 1, 2]] = exchanged[[1, 2, 0]]
    others = [
        table.assign(amount=table["amount"].where(table.index != 3, 0.0)),
        table.rename(columns={"region": "Region"}),
        table.assign(region=exchanged),
        pd.concat([table, table.iloc[:1]]),
        table.iloc[:-1],
    ]

    assert same == fingerprint(table)
    assert same == fingerprint(table.iloc[::-1])
    assert same == fingerprint(table.assign(won=table["won"].astype("float32"), region=table["region"].astype("category")))
    assert len({same, *map(fingerprint, others)}) == 6


def test_the_fingerprint_is_the_same_in_another_process():
    """Python's own hash is salted by process; the fingerprint is not."""
    program = (
        "import pandas as pd; from whywin.deals.fingerprints import fingerprint; "
        "print(fingerprint(pd.DataFrame({'a': ['x', None], 'b': [1.5, 2.5]})))"
    )

    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()

    assert other == fingerprint(pd.DataFrame({"a": ["x", None], "b": [1.5, 2.5]}))


LABELS = st.sampled_from(["won", "lost", "open", " won ", "Won", "", None])
ROWS = st.lists(st.tuples(st.sampled_from(["1", "2", "3", "4", None, " "]), LABELS, st.floats(allow_infinity=False)), min_size=1)


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_every_row_is_either_kept_or_quarantined(rows: list[tuple[object, object, float]]):
    """Whatever comes in, no row is lost or counted twice, and what is kept keeps the rules."""
    raw = pd.DataFrame(rows, columns=["deal_id", "outcome", "amount"])
    try:
        deals = keep_contract(raw, LENIENT)
    except DataError as refused:
        assert "no deal is closed" in str(refused)  # noqa: PT017 - the only refusal that a lenient contract knows
        return

    assert len(deals.table) + len(deals.quarantine) == len(raw)
    assert deals.table["deal_id"].is_unique
    assert deals.table["outcome"].isin(["won", "lost", "open"]).all()
    assert not (deals.table["amount"] < 0).any()
    assert (deals.quarantine["reasons"].str.len() > 0).all()
    assert keep_contract(deals.table.drop(columns="won"), LENIENT).quarantine.empty
