"""Faults that were found by a second reader and mended: none may come back."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from whywin.deals.contract import Contract, ContractError
from whywin.deals.need import Cells
from whywin.deals.read import keep_contract
from whywin.errors import DataError, QuestionError
from whywin.plan import File, Join
from whywin.sources import read

TWO = {"outcome": ["won", "lost"]}
LENIENT = Contract(max_bad_share=1.0)


def test_offsets_of_summer_and_winter_are_no_traceback() -> None:
    """Offsets of summer and winter are no traceback."""
    raw = pd.DataFrame({"created": ["2024-03-01T10:00:00+01:00", "2024-04-02T10:00:00+02:00"], **TWO})
    assert keep_contract(raw, LENIENT).table["created"].dt.month.tolist() == [3, 4]


def test_day_first_and_month_first_are_never_mixed_in_a_column() -> None:
    """Day first and month first are never mixed in a column."""
    raw = pd.DataFrame({"created": ["31/12/2024", "03/04/2024"], **TWO})
    try:
        created = keep_contract(raw, LENIENT).table["created"]
    except DataError:
        return
    assert created.dt.strftime("%Y-%m-%d").tolist() == ["2024-12-31", "2024-04-03"]


def test_an_infinite_amount_is_a_bad_row() -> None:
    """An infinite amount is a bad row."""
    raw = pd.DataFrame({"amount": [np.inf, 2000.0, 3000.0], "outcome": ["won", "lost", "won"]})
    assert keep_contract(raw, LENIENT).quarantine["row"].tolist() == [0]


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_text_is_a_missing_date_or_amount(empty) -> None:
    """An empty text is a missing date or amount."""
    raw = pd.DataFrame(
        {"created": ["2024-01-01"] * 2, "closed": ["2024-02-01", empty], "amount": ["1", empty], "outcome": ["won", "open"]}
    )
    assert keep_contract(raw, LENIENT).quarantine.empty


def test_a_users_own_column_won_is_not_overwritten_silently() -> None:
    """A users own column won is not overwritten silently."""
    raw = pd.DataFrame({"result": ["won", "lost"], "won": ["a", "b"]})
    with pytest.raises(DataError):
        keep_contract(raw, Contract(columns={"outcome": "result"}))


def test_after_dropping_copies_row_numbers_still_point_into_the_source() -> None:
    """After dropping copies row numbers still point into the source."""
    raw = pd.DataFrame({"a": [1, 1, 2, 3], "outcome": ["won", "won", "lost", "??"]})
    assert keep_contract(raw, Contract(drop_duplicate_rows=True, max_bad_share=1.0)).quarantine["row"].tolist() == [3]


def test_dropped_copies_are_said_in_the_quality() -> None:
    """Dropped copies are said in the quality."""
    raw = pd.DataFrame({"a": [1, 1, 2], "outcome": ["won", "won", "lost"]})
    quality = keep_contract(raw, Contract(drop_duplicate_rows=True)).quality
    assert "1" in quality.dimensions.set_index("dimension").loc["uniqueness", "says"].replace("No fault in 2 rows", "")


def test_the_hint_at_a_label_does_not_mind_its_case() -> None:
    """The hint at a label does not mind its case."""
    with pytest.raises(ContractError) as refused:
        keep_contract(pd.DataFrame({"outcome": ["WON", "LOST"]}), Contract())
    assert "did you mean 'won'?" in str(refused.value)


def test_labels_one_and_nought_survive_a_missing_outcome() -> None:
    """Labels one and nought survive a missing outcome."""
    raw = pd.DataFrame({"outcome": [1.0, 0.0, np.nan]})
    assert keep_contract(raw, Contract(won=("1",), lost=("0",))).table["won"].tolist()[:2] == [1.0, 0.0]


def test_a_column_of_lists_is_no_traceback() -> None:
    """A column of lists is no traceback."""
    table = keep_contract(pd.DataFrame({"deal_id": ["1", "2"], "tags": [["a"], ["b"]], **TWO}), LENIENT).table

    assert len(table) == 2


def test_dates_after_as_of_cost_timeliness() -> None:
    """Dates after as of cost timeliness."""
    days = pd.date_range("2024-01-01", periods=10)
    raw = pd.DataFrame({"created": days, "closed": [*days[:9], pd.Timestamp("2030-01-01")], "outcome": ["won"] * 10})
    quality = keep_contract(raw, Contract(as_of=date(2025, 1, 1), max_bad_share=1.0)).quality
    assert quality.dimensions.set_index("dimension").loc["timeliness", "score"] < 100


def test_one_month_of_deals_is_no_quarter_end_pile_up() -> None:
    """One month of deals is no quarter end pile up."""
    days = pd.date_range("2024-03-01", "2024-03-31").repeat(30)
    rng = np.random.default_rng(1)
    raw = pd.DataFrame(
        {
            "deal_id": range(len(days)),
            "closed": days,
            "amount": rng.random(len(days)),
            "outcome": rng.choice(["won", "lost"], len(days)),
        }
    )
    assert [c.name for c in keep_contract(raw, Contract()).quality.patterns if not c.passed] == []


def test_a_column_named_deals_is_refused_in_words() -> None:
    """A column named deals is refused in words."""
    with pytest.raises(QuestionError, match="rename the column"):
        Cells(("deals",)).sample(pd.DataFrame({"deals": ["a", "b"], "won": [1.0, 0.0]}))


def test_a_deal_at_ten_closed_on_the_same_day_keeps_the_contract() -> None:
    """A deal at ten closed on the same day keeps the contract."""
    raw = pd.DataFrame({"created": ["2024-01-01 10:00"] * 2, "closed": ["2024-01-01"] * 2, **TWO})
    assert keep_contract(raw, LENIENT).quarantine.empty


def put(folder, name, content):
    """Write a file and return its path."""
    (folder / name).write_text(content)
    return folder / name


def test_keys_of_different_types_are_a_fault(tmp_path) -> None:
    """Keys of different types are a fault."""
    join = Join(put(tmp_path, "b.csv", "k,v\n1,a\nx,b\n"), "k")
    with pytest.raises(DataError):
        read(File(put(tmp_path, "a.csv", "k,outcome\n1,won\n2,lost\n"), join=(join,)))


def test_rows_without_a_key_are_not_matched(tmp_path) -> None:
    """Rows without a key are not matched."""
    join = Join(put(tmp_path, "b.csv", "k,v\na,x\n,y\n"), "k")
    assert "(1 matched," in read(File(put(tmp_path, "a.csv", "id,k\n1,\n2,a\n"), join=(join,))).described


def test_an_ending_in_capitals_is_the_same_ending(tmp_path) -> None:
    """An ending in capitals is the same ending."""
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "DEALS.PARQUET")
    assert len(read(File(tmp_path / "DEALS.PARQUET")).frame) == 1


def test_rows_of_too_many_cells_do_not_swallow_the_table(tmp_path) -> None:
    """Rows of too many cells do not swallow the table."""
    path = put(tmp_path, "a.csv", "id,name,z\n" + "1,a,b\n" * 50 + "2,b\n" + "1,a,b\n" * 50 + "1,2,3,4\n")
    with pytest.raises(DataError):
        read(File(path))


def test_a_joined_database_has_no_source_table(tmp_path) -> None:
    """A joined database has no source table."""
    with pytest.raises(DataError) as refused:
        read(File(put(tmp_path, "a.csv", "k\n1\n"), join=(Join(put(tmp_path, "b.duckdb", "x"), "k"),)))
    assert "source.table" not in str(refused.value)


def test_the_encoding_is_named_in_the_fault(tmp_path) -> None:
    """The encoding is named in the fault."""
    (tmp_path / "a.csv").write_bytes("id,name\n1,Müller\n".encode("latin-1"))
    with pytest.raises(DataError, match="UTF-8"):
        read(File(tmp_path / "a.csv"))


def test_a_view_of_a_database_is_a_table(tmp_path) -> None:
    """A view of a database is a table."""
    import duckdb

    with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
        connection.execute("CREATE VIEW v AS SELECT 1 AS id")
    assert len(read(File(tmp_path / "a.duckdb", table="v")).frame) == 1


def test_few_columns_make_no_deals_suspicious() -> None:
    """Few columns make no deals suspicious."""
    rng = np.random.default_rng(1)
    raw = pd.DataFrame(
        {"deal_id": range(500), "region": rng.choice(["a", "b"], 500), "outcome": rng.choice(["won", "lost"], 500)}
    )
    assert keep_contract(raw, Contract()).quality.score > 99
