"""Deals that stay in their engine are held to the same contract as deals in memory: the same rows are kept, scored and left out."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whywin.deals.contract import Contract, ContractError
from whywin.deals.need import Cells, Columns
from whywin.deals.read import keep_contract
from whywin.deals.table import Deals
from whywin.errors import DataError
from whywin.plan import File
from whywin.sources import keep_there
from whywin.worlds.market import Market, simulate

CONTRACT = Contract(won=("Won",), lost=("Lost",), open=("Open",), max_bad_share=1.0)
COLUMNS = Columns(("deal_id", "region", "amount", "created", "closed", "outcome", "won"), closed_only=False)


@pytest.fixture(scope="module")
def deals() -> pd.DataFrame:
    """A made-up table of deals."""
    return simulate(Market(seed=8, deals=600)).tables["deals"]


def there(frame: pd.DataFrame, folder: Path, contract: Contract = CONTRACT) -> Deals:
    """The deals of a table that stays in a Parquet file."""
    path = folder / "deals.parquet"
    frame.to_parquet(path)
    return keep_there(File(path, in_place=True), contract, [COLUMNS, Cells(("region",))])[0]


def broken(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with a row for every rule that it breaks."""
    rows = [
        frame.iloc[[5, 6]],
        frame.iloc[[8]].assign(deal_id=None),
        frame.iloc[[9]].assign(deal_id="negative", amount=-5.0),
        frame.iloc[[10]].assign(deal_id="label", outcome="Wonn"),
        frame.iloc[[11]].assign(deal_id="backwards", closed=pd.Timestamp("2001-01-01"), outcome="Lost"),
        frame.iloc[[12]].assign(
            deal_id="late", created=pd.Timestamp("2031-01-01"), closed=pd.Timestamp("2031-02-01"), outcome="Won"
        ),
        frame.iloc[[13]].assign(deal_id="undated", created=pd.NaT, closed=pd.NaT, outcome="Won"),
        frame.iloc[[14]].assign(deal_id="unfinished", closed=pd.Timestamp("2024-01-01"), outcome=" Open "),
    ]
    return pd.concat([frame, *rows], ignore_index=True)


def test_every_rule_holds_in_the_engine(deals: pd.DataFrame, tmp_path: Path):
    """Each broken row is left out for the reason that it is left out for in memory, and the scores are the same."""
    contract = replace(CONTRACT, as_of=date(2030, 12, 31))
    frame = broken(deals)
    expected = keep_contract(frame, contract)

    found = there(frame, tmp_path, contract)

    reasons = [sorted(one.quarantine["reasons"].str.replace(r"; did you mean.*\?", "", regex=True)) for one in (found, expected)]
    assert reasons[0] == reasons[1]
    assert len(reasons[0]) == 9
    assert found.fingerprint == expected.fingerprint
    pd.testing.assert_series_equal(found.quality.dimensions["score"], expected.quality.dimensions["score"])


def test_too_many_bad_rows_are_refused_with_examples(deals: pd.DataFrame, tmp_path: Path):
    """Each kind of fault is said with its count, deals as examples, and the nearest label."""
    with pytest.raises(ContractError) as refused:
        there(broken(deals), tmp_path, replace(CONTRACT, max_bad_share=0.0))

    said = "\n".join(refused.value.faults)
    assert "8 rows (1.3 %) break the contract" in said
    assert "amount: must not be negative: 1 row(s), such as '-5.0' of deal 'negative'" in said
    assert "'Wonn' × 1; did you mean 'Won'?" in said
    assert len(refused.value.quarantine) == 8


@pytest.mark.parametrize("contract", [replace(CONTRACT, known_on=date(2023, 6, 30)), replace(CONTRACT, drop_duplicate_rows=True)])
def test_the_contract_may_change_what_is_there(contract: Contract, deals: pd.DataFrame, tmp_path: Path):
    """Deals as they stood on a day, and rows alike counted once, are the same as in memory."""
    frame = pd.concat([deals, deals.iloc[:7]], ignore_index=True)
    expected = keep_contract(frame, contract)

    found = there(frame, tmp_path, contract)

    assert found.fingerprint == expected.fingerprint
    assert found.quality.score == pytest.approx(expected.quality.score)
    pd.testing.assert_frame_equal(found.sample(Cells(("region",))), expected.sample(Cells(("region",))))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"created": "03/04/2024"}, "created: holds string, and only dates"),
        ({"amount": "12 thousand"}, "amount: holds string, and only numbers"),
        ({"rep": 1.5}, "rep: holds float64, and only texts"),
        ({"deal_id": None}, "need an id"),
    ],
)
def test_what_only_python_understands_cannot_stay_in_a_file(
    change: dict[str, object], says: str, deals: pd.DataFrame, tmp_path: Path
):
    """The message names the column, and that in_place may be left out."""
    frame = deals.drop(columns="deal_id") if "deal_id" in change else deals.assign(**change)

    with pytest.raises(DataError, match=says) as refused:
        there(frame, tmp_path)

    assert "leave source.in_place out" in str(refused.value)


def test_a_table_without_rows_or_closed_deals_is_refused(deals: pd.DataFrame, tmp_path: Path):
    """As in memory: there is nothing to learn from."""
    with pytest.raises(DataError, match="the table has no rows"):
        there(deals.iloc[:0], tmp_path)
    with pytest.raises(DataError, match="no deal is closed"):
        there(deals.assign(outcome="Open", closed=pd.NaT), tmp_path)


def test_large_tables_hold_labels_once(deals: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Texts become numbers with a list of labels, and the cells counted from them in memory stay the same."""
    expected = there(deals, tmp_path)
    monkeypatch.setattr("whywin.deals.engine_read.LARGE", 100)

    found = there(deals, tmp_path)

    assert isinstance(found.table["region"].dtype, pd.CategoricalDtype)
    need = Cells(("region",), half_life=90.0, date="created")  # ages are reckoned in memory
    pd.testing.assert_frame_equal(found.sample(need), expected.sample(need))


LABELS = st.sampled_from(["Won", "Lost", "Open", " Won ", "won", "", None])
DAYS = st.one_of(st.none(), st.integers(0, 900))
ROWS = st.lists(
    st.tuples(st.sampled_from(["north", "South", "a\x1eb", "", None]), LABELS, DAYS, DAYS, st.floats(-1e7, 1e7)), min_size=1
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS)
def test_any_table_is_kept_alike(tmp_path: Path, rows: list[tuple[object, ...]]):
    """Whatever the cells hold, the engine keeps the rows that are kept in memory, and scores them alike."""
    frame = pd.DataFrame(rows, columns=["region", "outcome", "created", "closed", "amount"])
    frame.insert(0, "deal_id", [f"D{place}" for place in range(len(frame))])
    for name in ("region", "outcome"):
        frame[name] = frame[name].astype("str")
    for name in ("created", "closed"):
        frame[name] = (pd.Timestamp("2023-01-01") + pd.to_timedelta(frame[name].astype("float64"), unit="D")).astype(
            "datetime64[us]"
        )
    if not frame["outcome"].str.strip().isin(["Won", "Lost"]).any():
        return  # nothing to learn from is refused alike, which a test of its own holds
    try:
        expected = keep_contract(frame, CONTRACT)
    except DataError:  # rows are closed, but none of them is good
        with pytest.raises(DataError, match="no deal is closed"):
            there(frame, tmp_path)
        return

    found = there(frame, tmp_path)

    assert found.fingerprint == expected.fingerprint
    assert len(found.quarantine) == len(expected.quarantine)
    pd.testing.assert_series_equal(found.quality.dimensions["score"], expected.quality.dimensions["score"])
