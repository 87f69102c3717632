"""The same plan gives the same estimates, fingerprint and quality from every engine that holds the same deals."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from hashlib import md5
from pathlib import Path
from signal import SIGINT
from time import sleep
from typing import Any
from urllib.parse import quote

import duckdb
import pandas as pd
import pytest
from typer.testing import CliRunner

from whywin.cli import app
from whywin.config import plan_of
from whywin.deals.engine_sample import Draw
from whywin.deals.need import Cells, Columns
from whywin.errors import DataError
from whywin.plan import Database, File, Plan, Source, Spark
from whywin.runner import kept
from whywin.sources import keep_there
from whywin.studies import Run, study
from whywin.worlds.market import Market, simulate

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::ResourceWarning")
PASSWORD = "not for p@rticular eyes"  # noqa: S105 - of a cluster that lives for this file
ENGINES = ("csv", "csv in place", "parquet in place", "duckdb in place", "postgres", "spark")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same deals as a CSV, a Parquet and a DuckDB file, in the order of their ids."""
    place = tmp_path_factory.mktemp("deals")
    simulate(Market(seed=4, deals=1500)).tables["deals"].to_csv(place / "deals.csv", index=False)
    with duckdb.connect(str(place / "deals.duckdb")) as connection:
        connection.execute(f"CREATE TABLE deals AS FROM read_csv('{place / 'deals.csv'}')")
        connection.execute(f"COPY deals TO '{place / 'deals.parquet'}'")
    return place


def run_as(folder: Path) -> dict[str, Any]:
    """Who a server may run as: PostgreSQL refuses to be root."""
    if os.getuid() != 0:
        return {}
    shutil.chown(folder, "nobody")
    return {"user": "nobody", "group": "nogroup", "extra_groups": []}


@pytest.fixture(scope="module")
def postgres(folder: Path) -> Iterator[str]:
    """A PostgreSQL server of this file's own on loopback, with the deals in it: its address without the password."""
    program = shutil.which("postgres") or next(map(str, Path("/usr/lib/postgresql").glob("*/bin/postgres")), None)
    if program is None:
        pytest.skip("postgres is not installed: apt-get install postgresql")
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed: install whywin[postgres]")
    programs = Path(program).resolve().parent
    home = Path(tempfile.mkdtemp(prefix="whywin-postgres-"))
    who = run_as(home)
    (home / "password").write_text(PASSWORD)
    (home / "password").chmod(0o644)
    data = home / "data"
    made = [programs / "initdb", "-D", data, "-U", "reader", "-A", "scram-sha-256", f"--pwfile={home / 'password'}", "-E", "UTF8"]
    subprocess.run([*made, "--no-sync"], check=True, capture_output=True, cwd=home, **who)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", home, "-c", "fsync=off"]
    with (home / "log").open("w") as log:
        server = subprocess.Popen([programs / "postgres", *options], stdout=log, stderr=log, cwd=home, **who)
        try:
            fill(psycopg, port, folder)
            yield f"postgres://reader:${{DEALS_PASSWORD}}@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(SIGINT)  # a fast shutdown, which waits for no connection
            server.wait(30)
            shutil.rmtree(home, ignore_errors=True)


def fill(psycopg: Any, port: int, folder: Path) -> None:
    """Wait for the server, and copy the deals into it."""
    for _ in range(100):
        try:
            connection = psycopg.connect(host="127.0.0.1", port=port, user="reader", password=PASSWORD, dbname="postgres")
            break
        except psycopg.OperationalError:
            sleep(0.1)
    types = {"VARCHAR": "TEXT", "DOUBLE": "DOUBLE PRECISION"}
    with duckdb.connect(str(folder / "deals.duckdb"), read_only=True) as deals, connection:
        columns = deals.execute("DESCRIBE deals").fetchall()
        made = ", ".join(f'"{name}" {types.get(kind, kind)}' for name, kind, *_ in columns)
        connection.execute(f"CREATE TABLE deals ({made})")
        with connection.cursor().copy("COPY deals FROM STDIN") as copy:
            for row in deals.execute("FROM deals ORDER BY hash(deal_id)").fetchall():
                copy.write_row(row)
    connection.close()


@pytest.fixture
def source(request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """The deals in the engine that a test asks for."""
    kind = request.param
    if kind == "postgres":
        monkeypatch.setenv("DEALS_PASSWORD", PASSWORD)
        return Database(request.getfixturevalue("postgres"), "deals")
    if kind == "spark":
        if shutil.which("java") is None:
            pytest.skip("Java is not installed: apt-get install default-jre-headless")
        with warnings.catch_warnings(action="ignore"):
            pytest.importorskip("pyspark", reason="pyspark is not installed: install whywin[spark]")
        return Spark("spark", str(folder / "deals.parquet"), master="local[2]")
    ending = kind.split()[0]
    return File(folder / f"deals.{ending}", table="deals" if ending == "duckdb" else None, in_place="in place" in kind)


def plan(source: Source) -> Plan:
    """A plan whose answer needs cells, and whose checks need columns."""
    made = plan_of(
        {
            "name": "engines",
            "question": {
                "kind": "winrates",
                "segments": ["industry", "region"],
                "rep": "rep",
                "time": "created",
                "covariates": ["amount"],
                "baseline": ["2023Q1", "2023Q2"],
                "current": ["2024Q1"],
            },
            "methods": ["observed", "empirical_bayes"],
            "deals": {"won": ["Won"], "lost": ["Lost"], "open": ["Open"]},
        }
    )
    return replace(made, source=source)


def answered(source: Source) -> Run:
    """The run of the plan on a source."""
    asked = plan(source)
    return study(asked, kept(asked)[0])


@pytest.fixture(scope="module")
def expected(folder: Path) -> Run:
    """The run on the CSV file, held whole in memory."""
    return answered(File(folder / "deals.csv"))


@pytest.mark.parametrize("source", ENGINES[1:], indirect=True)
def test_every_engine_gives_the_same_run(source: Source, expected: Run):
    """Estimates, checks, fingerprint and quality are those of the CSV file in memory."""
    run = answered(source)

    pd.testing.assert_frame_equal(run.to_frame(), expected.to_frame(), rtol=1e-12)
    assert run.deals.fingerprint == expected.deals.fingerprint
    assert [(check.name, check.passed, check.says) for check in run.all_checks] == [
        (check.name, check.passed, check.says) for check in expected.all_checks
    ]
    pd.testing.assert_series_equal(run.deals.quality.dimensions["score"], expected.deals.quality.dimensions["score"])


@pytest.mark.parametrize("source", ENGINES[1:], indirect=True)
def test_cells_are_counted_where_the_deals_are(source: Source, expected: Run):
    """Counts, bands and sums of a weight equal those made in memory, and columns that no one asked for stay where they are."""
    need = Cells(("region", "created_quarter", "amount"), banded=("amount",), weight="amount")
    deals, _ = kept(plan(source))

    found = deals.counts(need)

    pd.testing.assert_frame_equal(found, need.sample(expected.deals.table), rtol=1e-12)
    assert not {"deal_id", "product", "stage", "executive_call"} & set(deals.table.columns)


@pytest.mark.parametrize(
    "source", [name for name in ENGINES if "in place" in name or name in {"postgres", "spark"}], indirect=True
)
def test_every_engine_draws_the_same_sample(source: Source, folder: Path):
    """Ids and seed decide who is drawn, not the engine nor the order in which it keeps the deals."""
    made = Draw(1000, 7)
    ids = pd.read_csv(folder / "deals.csv")["deal_id"]
    expected = sorted(ids, key=lambda text: md5(f"{made.seed}:{text}".encode(), usedforsecurity=False).hexdigest())[
        : made.at_most
    ]

    deals, _ = keep_there(replace(source, at_most=made.at_most), plan(source).deals, [Columns(("deal_id",))], (), made.seed)

    assert sorted(deals.table["deal_id"]) == sorted(expected)
    assert deals.remarks[0].name == "sample"


ADDRESS = "postgres://reader:${DEALS_PASSWORD}@127.0.0.1:1/deals"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ({"connection": "postgress://reader@here/deals", "table": "deals"}, "did you mean 'postgres'?"),
        ({"connection": "here:5432/deals", "table": "deals"}, "must begin with one of postgres"),
        ({"connection": "postgres://reader:${NO_SUCH_SECRET}@here/deals", "table": "deals"}, "NO_SUCH_SECRET is not set"),
        ({"connection": f"postgres://reader:{quote(PASSWORD)}@here/deals", "table": "deals"}, "holds a password in plain text"),
        (
            {"connection": f"snowflake://here/deals?password={quote(PASSWORD)}", "table": "deals"},
            "holds a password in plain text",
        ),
        ({"connection": "postgres://reader@here/deals"}, "table is missing"),
        ({"conection": "postgres://reader@here/deals", "table": "deals"}, "must have a path"),
        ({"engine": "spak", "path": "deals.parquet"}, "must be one of"),
        ({"path": "deals.csv", "in_place": True}, "there is no such file"),
        ({"connection": ADDRESS, "table": "deals"}, "cannot be reached"),
        ({"connection": "${DEALS_ADDRESS}", "table": "deals"}, "cannot be reached"),
    ],
)
def test_a_mistake_in_a_source_is_one_message(source: dict[str, Any], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Exit 2, no traceback, no password, and what is meant."""
    if "cannot be reached" in says:
        pytest.importorskip("psycopg", reason="psycopg is not installed: install whywin[postgres]")
    monkeypatch.setenv("DEALS_PASSWORD", PASSWORD)
    monkeypatch.setenv("DEALS_ADDRESS", f"postgres://reader:{quote(PASSWORD)}@127.0.0.1:1/deals")
    config = tmp_path / "plan.yaml"
    question = {"kind": "winrates", "segments": ["region"]}
    config.write_text(json.dumps({"name": "mistaken", "question": question, "source": source, "methods": ["observed"]}))

    found = CliRunner().invoke(app, ["check", str(config)])
    out = found.output

    assert found.exit_code == 2
    assert " ".join(says.split()) in " ".join(out.split())
    assert "Traceback" not in out
    assert PASSWORD not in out
    assert quote(PASSWORD) not in out


@pytest.mark.parametrize("source", ["postgres"], indirect=True)
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"table": "deels"}, "there is no table 'deels'; did you mean 'deals'?"),
        ({"connection": "wrong password"}, "password authentication failed"),
    ],
)
def test_a_server_refuses_in_one_message(source: Database, change: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch):
    """A table that is not there and a password that is wrong are said without either password."""
    if "connection" in change:
        monkeypatch.setenv("WRONG", "a wrong pass")
        change = {"connection": source.connection.replace("DEALS_PASSWORD", "WRONG")}

    with pytest.raises(DataError) as refused:
        kept(plan(replace(source, **change)))

    assert says in str(refused.value)
    assert "a wrong pass" not in str(refused.value)
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize("source", ["postgres"], indirect=True)
def test_a_table_that_needs_python_is_read_whole(source: Database, expected: Run):
    """Amounts that are written as text are understood in Python, and it is said that all of the table came."""
    import ibis

    server = ibis.connect(source.connection.replace("${DEALS_PASSWORD}", quote(PASSWORD, safe="")))
    deals = server.table("deals")
    server.create_view("worded", deals.mutate(amount=deals["amount"].cast("string")).order_by("deal_id"), overwrite=True)
    server.disconnect()

    found, table = kept(plan(replace(source, table="worded")))

    assert "all of them brought here, because amount: holds string" in table.described
    assert found.fingerprint == expected.deals.fingerprint
