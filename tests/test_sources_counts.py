"""Counts kept between runs: whatever changed in the deals, they equal a full count, and only what changed is counted anew."""

from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pytest

from whywin.deals.contract import Contract
from whywin.deals.engine_counts import keys, merged
from whywin.deals.in_engine import understood
from whywin.deals.need import Cells, Columns
from whywin.deals.read import keep_contract
from whywin.errors import ConfigError
from whywin.plan import File
from whywin.sources import keep_there, read
from whywin.sources.counts import PRINT, Kept, refreshed
from whywin.worlds.market import Market, simulate

CONTRACT = Contract(won=("Won",), lost=("Lost",), open=("Open",))
NEED = Cells(("region", "industry", "created_quarter"), weight="amount")


@pytest.fixture(scope="module")
def deals() -> pd.DataFrame:
    """A made-up table of deals."""
    return simulate(Market(seed=6, deals=1200)).tables["deals"]


def there(frame: pd.DataFrame) -> tuple[Any, dict[str, Any]]:
    """The closed deals of a table in DuckDB, and the labels that the need counts them by."""
    table = understood(ibis.duckdb.connect().create_table("deals", frame), CONTRACT)
    return table.drop_null("won"), keys(NEED, table, {})


def cells(frame: pd.DataFrame, old: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The kept cells of a table, from older ones."""
    closed, made = there(frame)
    return refreshed(old, NEED, closed, made)


NOTHING = pd.DataFrame(columns=["part", PRINT])


def more(frame: pd.DataFrame) -> pd.DataFrame:
    """New deals of a month that was not there."""
    return pd.concat([frame, frame.head(40).assign(deal_id=[f"N{i}" for i in range(40)], created=pd.Timestamp("2030-05-03"))])


def relabelled(frame: pd.DataFrame) -> pd.DataFrame:
    """One deal of the past in another region."""
    at = frame.index[frame["outcome"].eq("Won")][0]
    return frame.assign(region=frame["region"].mask(frame.index == at, "Elsewhere"))


def exchanged(frame: pd.DataFrame) -> pd.DataFrame:
    """Two won deals of one month that exchange their regions: no count of either column changes."""
    won = frame[frame["outcome"].eq("Won")]
    for _, month in won.groupby([won["created"].dt.to_period("M")]):
        first = month.iloc[0]
        other = month[(month["region"] != first["region"]) & (month["industry"] != first["industry"])]
        if len(other):
            regions = frame["region"].copy()
            regions[[month.index[0], other.index[0]]] = [other.iloc[0]["region"], first["region"]]
            return frame.assign(region=regions)
    raise AssertionError


def fewer(frame: pd.DataFrame) -> pd.DataFrame:
    """A month that is gone."""
    return frame[frame["created"].dt.to_period("M") != frame["created"].dt.to_period("M").min()]


def as_they_were(frame: pd.DataFrame) -> pd.DataFrame:
    """The same deals in another order."""
    return frame.iloc[::-1]


@pytest.mark.parametrize(("change", "months"), [(more, 1), (relabelled, 1), (exchanged, 1), (fewer, 1), (as_they_were, 0)])
def test_merged_counts_equal_a_full_count(deals: pd.DataFrame, change: Any, months: int):
    """To the last digit, whatever changed, and only the months that changed are counted again."""
    old, first = cells(deals, NOTHING)
    later = change(deals).reset_index(drop=True)

    new, changed = cells(later, old)

    assert len(first) > 10
    assert len(changed) == months
    pd.testing.assert_frame_equal(merged(new, NEED), merged(cells(later, NOTHING)[0], NEED), check_exact=True)


def test_a_run_keeps_its_counts(deals: pd.DataFrame, tmp_path: Path):
    """The folder holds one file a need; a second run gives the same counts from it, and so does one that finds it broken."""
    path, folder = tmp_path / "deals.parquet", tmp_path / "counts"
    deals.to_parquet(path)
    plain = keep_there(File(path, in_place=True), CONTRACT, [NEED])[0].sample(NEED)
    source = File(path, in_place=True, counts=folder)

    first = keep_there(source, CONTRACT, [NEED])[0].sample(NEED)
    files = list(folder.iterdir())
    second = keep_there(source, CONTRACT, [NEED])[0].sample(NEED)
    files[0].write_bytes(b"no Parquet")
    third = keep_there(source, CONTRACT, [NEED])[0].sample(NEED)

    assert [file.suffix for file in files] == [".parquet"]
    for found in (first, second, third):
        pd.testing.assert_frame_equal(found, plain, check_exact=True)


def test_kept_counts_are_what_the_next_run_starts_from(deals: pd.DataFrame, tmp_path: Path):
    """A kept cell is believed while its month's fingerprint holds: a file changed by hand shows, so it was really read."""
    closed, made = there(deals)
    kept = Kept(tmp_path, "deals", CONTRACT)
    kept(NEED, closed, made)
    path = next(tmp_path.iterdir())
    table = pd.read_parquet(path)
    table.assign(deals=table["deals"] + 1).to_parquet(path)

    assert kept(NEED, closed, made)["deals"].sum() == table["deals"].sum() + len(table)


def test_counts_are_kept_of_deals_in_place_only(tmp_path: Path):
    """A table read whole into memory has no counts to keep, and a file in place cannot be joined."""
    with pytest.raises(ConfigError, match="set in_place: true too"):
        File(tmp_path / "deals.csv", counts=tmp_path)
    with pytest.raises(ConfigError, match="replace cannot be done"):
        File(tmp_path / "deals.csv", in_place=True, replace={"a": {"b": "c"}})


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("code", [*["12"] * 30_000, "007"]),
        ("code", [*["12"] * 30_000, "north"]),
        ("code", [*["12"] * 30_000, "1.5"]),
        ("code", [*[""] * 30_000, "12"]),
        ("code", ["2024-01-05"] * 30_000 + ["later"]),
        ("code", ["2024-01-05"] * 30_000 + ["2024-01-06 10:00:00"]),
        ("code", ["1.5"] * 30_000 + ["007"]),
        ("code", ["1.5"] * 30_000 + ["+1.5"]),
        ("code", ["a"] * 30_000 + ['"b""c"', "'d'"]),
        ("code", ["a"] * 30_000 + ['"b, c"', "d"]),
        ("code", ["12", ""] * 15_000),
    ],
)
def test_a_large_file_means_what_it_means_in_memory(name: str, values: list[str], tmp_path: Path):
    """Rows that come late may change what a column is: then the types are those of all rows, as in memory."""
    path = tmp_path / "deals.csv"
    outcome = ["Won", "Lost"] * (len(values) // 2 + 1)
    lines = [f"D{place},{outcome[place]},{value}" for place, value in enumerate(values)]
    path.write_text("\n".join([f"deal_id,outcome,{name}", *lines, ""]))
    whole = keep_contract(read(File(path)).frame, CONTRACT)

    there = keep_there(File(path, in_place=True), CONTRACT, [Columns((name,))])[0]

    assert there.fingerprint == whole.fingerprint
    pd.testing.assert_series_equal(there.table[name], whole.table[name])
