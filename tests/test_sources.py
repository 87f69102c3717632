"""Tables are read as they are, in the order they have, and a file that cannot be read is said in one sentence."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from whywin.errors import DataError
from whywin.plan import File, Join, Simulated
from whywin.sources import read, write_quarantine, write_table
from whywin.worlds.market import Market, simulate

Put = Callable[[str, str | bytes], Path]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Write a file into the test's own folder."""

    def written(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return written


def faults_of(source: File) -> tuple[str, ...]:
    """What the refusal to read a source says."""
    with pytest.raises(DataError) as refused:
        read(source)
    return refused.value.faults


def database(path: Path) -> Path:
    """A small DuckDB file with two tables."""
    import duckdb

    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE deals AS SELECT 1 AS id, 'won' AS outcome, 1.5::DECIMAL(5, 2) AS amount, DATE '2024-01-31' AS created"
        )
        connection.execute("CREATE TABLE teams AS SELECT 1 AS id")
    return path


def test_a_csv_file_is_read_as_it_stands(put: Put):
    """Quotes, line breaks in a cell, the text NA and leading zeros are content; an empty cell is missing."""
    path = put("deals.csv", 'id,name,amount,note\n007,"a, ""b""\nc",1.5,NA\n8,d,,\n')

    table = read(File(path))

    assert table.described == "deals.csv: 2 rows"
    assert table.truth is None
    assert table.frame["id"].tolist() == ["007", "8"]
    assert table.frame["name"].tolist() == ['a, "b"\nc', "d"]
    assert table.frame["amount"].tolist()[0] == 1.5
    assert table.frame["note"].tolist()[0] == "NA"
    assert table.frame.isna().sum().sum() == 2


@pytest.mark.parametrize("labels", [("Yes", "No"), ("true", "false"), ("T", "F")])
def test_labels_that_look_like_truth_values_stay_labels(put: Put, labels: tuple[str, str]):
    """A contract names the labels that the file has: they must not become True and False on the way."""
    path = put("deals.csv", "id,won\n1,{}\n2,{}\n".format(*labels))

    assert read(File(path)).frame["won"].tolist() == list(labels)


@pytest.mark.parametrize(
    ("name", "content", "separator"),
    [
        ("deals.csv", "id;amount\n1;2\n", None),
        ("deals.csv", "id|amount\n1|2\n", "|"),
        ("deals.tsv", "id\tamount\n1\t2\n", None),
        ("DEALS.CSV", "id,amount\n1,2\n", None),
        ("deals.csv", "\ufeffid,amount\r\n1,2\r\n", None),
        ("deals.csv.gz", gzip.compress(b"id,amount\n1,2\n"), None),
        ("deals [1]*.csv", "id,amount\n1,2\n", None),
    ],
    ids=["semicolon", "given", "tab", "upper-case", "byte-order-mark", "compressed", "signs"],
)
def test_separators_endings_and_names_of_many_kinds(put: Put, name: str, content: str | bytes, separator: str | None):
    """The separator is found out or given; compression, a byte-order mark and signs in the name do no harm."""
    frame = read(File(put(name, content), separator=separator)).frame

    assert frame.to_dict("records") == [{"id": 1, "amount": 2}]


def test_dates_are_read_by_the_order_that_fits_the_whole_column(put: Put):
    """One day above twelve settles what the other days of the column mean."""
    frame = read(File(put("deals.csv", "created\n03/04/2024\n31/12/2024\n"))).frame

    assert frame["created"].dt.strftime("%Y-%m-%d").tolist() == ["2024-04-03", "2024-12-31"]


def test_a_table_of_a_database_is_read(tmp_path: Path):
    """Decimals are amounts and dates are dates, and the file is not written to."""
    path = database(tmp_path / "crm.duckdb")
    before = path.read_bytes()

    frame = read(File(path, table="deals")).frame

    assert frame.drop(columns="created").to_dict("records") == [{"id": 1, "outcome": "won", "amount": 1.5}]
    assert frame.loc[0, "created"] == pd.Timestamp("2024-01-31")
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("deal", "has no table 'deal'; did you mean 'deals'?; there are deals, teams"),
        (None, "say which table of the database is meant"),
    ],
)
def test_a_database_needs_the_name_of_a_table_it_has(tmp_path: Path, table: str | None, said: str):
    """A wrong name is answered with the nearest and with all there are."""
    (fault,) = faults_of(File(database(tmp_path / "crm.duckdb"), table=table))

    assert said in fault


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_same_file_gives_the_same_rows_in_the_same_order(tmp_path: Path, ending: str):
    """Many threads read a large file, and none of them shuffles it."""
    rows = 300_000
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"id": np.arange(rows), "amount": rng.random(rows), "name": rng.choice(["a", "b"], rows)})
    path = tmp_path / f"deals.{ending}"
    if ending == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, row_group_size=20_000)

    first, second = (read(File(path)).frame for _ in range(2))

    pd.testing.assert_frame_equal(first, frame, check_exact=True)
    pd.testing.assert_frame_equal(second, first, check_exact=True)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("deals.csv", b"", "the file is empty"),
        ("deals.xlsx", b"x", "must end with one of .csv, .csv.gz, .tsv, .parquet, .duckdb"),
        ("deals.parquet", b"no parquet at all", "cannot be read"),
        ("deals.csv.gz", b"no gzip at all", "cannot be read"),
        ("deals.csv", "id,name\n1,Müller\n".encode("latin-1"), "cannot be read"),
        ("deals.csv", "id,name\n1,a\n".encode("utf-16"), "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_in_one_sentence(put: Put, name: str, content: bytes, said: str):
    """Empty, broken, of another kind or of another encoding: one fault that names the file."""
    path = put(name, content)

    (fault,) = faults_of(File(path))

    assert fault.startswith(f"{path}: ")
    assert said in fault
    assert "\n" not in fault


def test_a_broken_database_is_said_in_one_sentence(put: Put):
    """A file that only ends like a database is no traceback."""
    (fault,) = faults_of(File(put("crm.duckdb", b"nope" * 500), table="deals"))

    assert "cannot be read" in fault


def test_a_missing_file_is_answered_with_the_nearest_name(put: Put, tmp_path: Path):
    """A typing slip, a folder that is not there and a folder instead of a file are told apart."""
    put("deals_2024.csv", "id\n1\n")

    assert faults_of(File(tmp_path / "deals2024.csv"))[0].endswith("there is no such file; did you mean 'deals_2024.csv'?")
    assert "there is no folder" in faults_of(File(tmp_path / "none" / "zzz.csv"))[0]
    assert faults_of(File(tmp_path)) == (f"{tmp_path}: is a folder; name the file in it",)


def test_all_missing_files_are_said_at_once(put: Put, tmp_path: Path):
    """The deals and every table joined to them are looked for before any is read."""
    source = File(
        tmp_path / "a.csv", join=(Join(tmp_path / "b.csv", "k"), Join(put("c.csv", "k\n1\n"), "k"), Join(tmp_path, "k"))
    )

    assert len(faults_of(source)) == 3


def test_labels_are_mended_and_tables_joined_in_the_deals_order(put: Put):
    """Each deal gets what its key finds; what finds nothing, and what has no key, is counted."""
    deals = put("deals.csv", "id,product\n1,GTXPro\n2,Basic\n3,Other\n4,\n5,Basic\n")
    products = put("products.csv", "product,series\nBasic,b\nGTX-Pro,g\n")
    join = Join(products, "product", replace={"product": {"GTX-Pro": "GTX Pro"}})

    table = read(File(deals, replace={"product": {"GTXPro": "GTX Pro"}}, join=(join,)))

    assert table.frame["id"].tolist() == [1, 2, 3, 4, 5]
    assert [None if pd.isna(value) else value for value in table.frame["series"]] == ["g", "b", None, None, "b"]
    assert "joined products.csv on product (3 matched, 1 without a match, 1 without a" in table.described


def test_a_missing_key_finds_nothing(put: Put):
    """Two empty cells are not the same product, and the row without a key is left out of the further table."""
    source = File(put("deals.csv", "id,k\n1,\n2,a\n"), join=(Join(put("further.csv", "k,v\na,x\n,y\n,z\n"), "k"),))

    assert [None if pd.isna(value) else value for value in read(source).frame["v"]] == [None, "x"]


@pytest.mark.parametrize(
    ("further", "on", "said"),
    [
        ("k,v\n1,a\n1,b\n", "k", ["has 1 k(s) in more than one row, such as '1'"]),
        ("k,outcome\n1,a\n", "k", ["both tables have the column(s) outcome: rename them"]),
        ("k,outcome\n1,a\n1,b\n", "k", ["in more than one row", "both tables have the column(s) outcome"]),
        ("key,v\n1,a\n", "k", ["further.csv has no column 'k'"]),
        ("key,v\n1,a\n", "key", ["the deal table has no column 'key'"]),
    ],
)
def test_a_join_that_does_not_fit_is_refused(put: Put, further: str, on: str, said: list[str]):
    """A join never makes two deals of one, and never guesses which of two columns is meant."""
    source = File(put("deals.csv", "k,outcome\n1,won\n"), join=(Join(put("further.csv", further), on),))

    faults = faults_of(source)

    assert len(faults) == len(said)
    assert all(words in fault for words, fault in zip(said, faults, strict=True))


def test_labels_of_a_column_that_is_not_there_cannot_be_mended(put: Put):
    """The nearest column is named."""
    (fault,) = faults_of(File(put("deals.csv", "product\na\n"), replace={"prodct": {"a": "b"}}))

    assert "has no column 'prodct'; did you mean 'product'?" in fault


@pytest.mark.parametrize("name", ["deals", "trial"])
def test_a_made_up_market_comes_with_its_own_truth(name: str):
    """The table asked for comes with the true numbers about it, and not with those about the other."""
    market = Market(deals=500)
    world = simulate(market)

    table = read(Simulated(market, name))

    pd.testing.assert_frame_equal(table.frame, world.tables[name])
    assert len(table.truth) == (world.truth["table"] == name).sum() > 0
    assert {"quantity", "segment", "value", "unit"} <= set(table.truth.columns)
    assert f"{len(table.frame):,} rows" in table.described


def test_a_quarantine_file_is_there_whole(tmp_path: Path):
    """Its folder is made, it replaces an older one, and nothing is left beside it."""
    path = tmp_path / "new" / "quarantine.csv"
    frame = pd.DataFrame({"row": [3], "reasons": ["amount: '-1' must not be negative; outcome: 'x'"]})

    write_quarantine(frame.assign(row=2), path)
    write_quarantine(frame, path)

    pd.testing.assert_frame_equal(pd.read_csv(path), frame)
    assert [file.name for file in path.parent.iterdir()] == ["quarantine.csv"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A full disk in the middle of writing is a sentence, and the file of before still stands."""
    path = tmp_path / "table.csv"
    write_table(pd.DataFrame({"a": [1]}), path)

    def full(_frame: pd.DataFrame, temporary: Path, **_: object) -> None:
        temporary.write_text("a\n")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(DataError, match=r"cannot be written \(No space left on device\)"):
        write_table(pd.DataFrame({"a": [2]}), path)

    assert path.read_text() == "a\n1\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_said(put: Put):
    """A file where a folder should be is no traceback."""
    path = put("taken", "x") / "table.csv"

    with pytest.raises(DataError, match="cannot be written"):
        write_table(pd.DataFrame({"a": [1]}), path)
