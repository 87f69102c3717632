"""Reading and counting deals against plain DuckDB SQL, pandas and polars: the same files, in one run, each in a process of its own; not a test.

    python benchmarks/reading.py                    10,000,000 deals, as Parquet and as CSV; about five minutes on a quiet machine
    python benchmarks/reading.py --deals 1000000    fewer
    python benchmarks/reading.py --peers DIRECTORY  also polars, from the environment that .ci/peers made there

Counting is what both sides do: leave open deals out, and count deals and won deals by industry, region, product, lead source and quarter.
"contract" is the rest of what whywin does with deals that stay in their file: the rules, the quality scores, the fingerprint and the
columns that the checks need. "page" is the whole run, from the file to a recorded page. Seconds are the least of three processes that
take turns, without Python's start and imports; megabytes are the most that a process ever held.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

KEYS = ("industry", "region", "product", "lead_source")
REPEATS = 3
BASE = "DuckDB SQL"
MAKE = """
COPY (
  SELECT 'D' || lpad(i::VARCHAR, 8, '0') AS deal_id,
         DATE '2021-01-01' + (hash(i) % 1460)::INT AS created,
         CASE WHEN hash(i + 7) % 50 > 0 THEN DATE '2021-01-01' + (hash(i) % 1460 + 10 + hash(i + 1) % 150)::INT END AS closed,
         'rep ' || lpad((hash(i + 2) % 200)::VARCHAR, 3, '0') AS rep,
         ['Finance', 'Health', 'Retail', 'Industry', 'Software', 'Media', 'Energy', 'Public'][1 + (hash(i + 3) % 8)::INT] AS industry,
         ['North', 'South', 'East', 'West', 'Abroad'][1 + (hash(i + 4) % 5)::INT] AS region,
         ['Core', 'Plus', 'Suite', 'Add-on'][1 + (hash(i + 5) % 4)::INT] AS product,
         ['Inbound', 'Outbound', 'Partner', 'Event', 'Referral', 'Web'][1 + (hash(i + 6) % 6)::INT] AS lead_source,
         round(exp(9 + (hash(i + 8) % 1000) / 400), 2) AS amount,
         CASE WHEN hash(i + 7) % 50 = 0 THEN 'Open' WHEN hash(i + 9) % 100 < 38 + 3 * (hash(i + 3) % 8) THEN 'Won' ELSE 'Lost' END AS outcome
  FROM range({deals}) t(i)
) TO '{path}'
"""
SQL = """
SELECT industry, region, product, lead_source, date_trunc('quarter', created) AS created_quarter,
       count(*) AS deals, count(*) FILTER (outcome = 'Won') AS won
FROM '{path}' WHERE outcome IN ('Won', 'Lost') GROUP BY ALL ORDER BY ALL
"""
POLARS = """
import sys, time, resource, json
import polars as pl
path, start = sys.argv[1], time.perf_counter()
lazy = pl.scan_parquet(path) if path.endswith("parquet") else pl.scan_csv(path, try_parse_dates=True)
quarter = pl.col("created").dt.year().cast(str) + "Q" + pl.col("created").dt.quarter().cast(str)
keys = ["industry", "region", "product", "lead_source", quarter.alias("created_quarter")]
found = lazy.filter(pl.col("outcome").is_in(["Won", "Lost"])).group_by(keys).agg(deals=pl.len(), won=(pl.col("outcome") == "Won").sum())
table = found.collect(engine="streaming")
print(json.dumps({"seconds": time.perf_counter() - start, "MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                  "deals": int(table["deals"].sum()), "won": int(table["won"].sum())}))
"""


def duckdb_sql(path: Path) -> pd.DataFrame:
    """Plain SQL, as one would write it for this one question."""
    import duckdb

    return duckdb.connect().sql(SQL.format(path=path)).df()


def pandas_whole(path: Path) -> pd.DataFrame:
    """The columns read into pandas and grouped there."""
    columns = [*KEYS, "created", "outcome"]
    table = pd.read_parquet(path, columns=columns) if path.suffix == ".parquet" else pd.read_csv(path, usecols=columns)
    table = table[table["outcome"].isin(["Won", "Lost"])]
    day = pd.to_datetime(table["created"])
    quarter = (day.dt.year.astype(str) + "Q" + day.dt.quarter.astype(str)).rename("created_quarter")
    won = (table["outcome"] == "Won").rename("won")
    return (
        won.groupby([*(table[key] for key in KEYS), quarter])
        .agg(["size", "sum"])
        .set_axis(["deals", "won"], axis=1)
        .reset_index()
    )


def contract() -> object:
    """The contract of the made-up deals."""
    from whywin.deals.contract import Contract

    return Contract(won=("Won",), lost=("Lost",), open=("Open",))


def whywin_counts(path: Path) -> pd.DataFrame:
    """The same counts by whywin: mapped, typed and counted in DuckDB, with no rule held; a CSV file is parsed into a table first."""
    from whywin.deals.engine_counts import cells_there, keys, merged
    from whywin.deals.in_engine import understood
    from whywin.deals.need import Cells
    from whywin.plan import File
    from whywin.sources.places import file_there

    need = Cells((*KEYS, "created_quarter"))
    table = understood(file_there(File(path, in_place=True))[0], contract())
    return merged(cells_there(need, table.drop_null("won"), keys(need, table, {})), need)


def whywin_contract(path: Path) -> pd.DataFrame:
    """The same counts with the contract held, the quality scored, the fingerprint taken and the checks' columns brought."""
    from whywin.deals.need import Cells, Columns
    from whywin.plan import File
    from whywin.sources import keep_there

    need = Cells((*KEYS, "created_quarter"))
    deals, _ = keep_there(File(path, in_place=True), contract(), [need, Columns((*KEYS, "created_quarter"), closed_only=False)])
    return deals.sample(need)


def whywin_page(path: Path) -> pd.DataFrame:
    """The whole run: from the file to a recorded page with the hierarchical model."""
    from whywin.runner import execute

    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "plan.yaml"
        question = {"kind": "winrates", "segments": list(KEYS), "time": "created", "baseline": ["2023Q1"], "current": ["2024Q1"]}
        config.write_text(
            json.dumps(
                {
                    "name": "ten-million",
                    "question": question,
                    "source": {"path": str(path), "in_place": True},
                    "deals": {"won": ["Won"], "lost": ["Lost"], "open": ["Open"]},
                    "methods": ["hierarchical", "observed"],
                }
            )
        )
        done = execute(config, store_root=Path(folder) / "mlruns", port=5000)
        table = done.run.deals.table
        return pd.DataFrame({"deals": [int(table["won"].notna().sum())], "won": [int(table["won"].sum())]})


WAYS: dict[str, Callable[[Path], pd.DataFrame]] = {
    BASE: duckdb_sql,
    "whywin, counting": whywin_counts,
    "whywin, contract": whywin_contract,
    "whywin, page": whywin_page,
    "pandas": pandas_whole,
}


def alone(way: str, path: Path, peers: Path | None) -> dict[str, float]:
    """Run one way in a process of its own."""
    if way == "polars":
        command = [str(peers / "venv" / "bin" / "python"), "-c", POLARS, str(path)] if peers else []
    else:
        command = [sys.executable, __file__, "--one", way, "--path", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        raise SystemExit(1)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def one(way: str, path: Path) -> dict[str, float]:
    """Time one way in this process, after its imports."""
    import duckdb
    import pyarrow.compute  # noqa: F401 - importing is not what is measured

    import whywin.sources  # noqa: F401 - likewise

    if way.startswith("whywin"):
        import ibis

        ibis.duckdb.connect().disconnect()
    duckdb.connect().close()
    start = time.perf_counter()
    found = WAYS[way](path)
    seconds = time.perf_counter() - start
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "MB": most, "deals": int(found["deals"].sum()), "won": int(found["won"].sum())}


def measured(deals: int, folder: Path, peers: Path | None, chosen: tuple[str, ...] = tuple(WAYS)) -> pd.DataFrame:
    """Return one row a way and kind of file: seconds, megabytes, and the ratio of time to plain DuckDB SQL on that file."""
    import duckdb

    rows = []
    for ending in ("parquet", "csv"):
        path = folder / f"deals_{deals}.{ending}"
        if not path.exists():
            duckdb.connect().execute(MAKE.format(deals=deals, path=path))
        ways = [*(way for way in WAYS if way in chosen or way == BASE), *(["polars"] if peers else [])]
        found: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
        for turn in range(REPEATS):
            for way in ways:
                if turn == 0 or way not in {"whywin, page", "pandas"}:
                    found[way].append(alone(way, path, peers))
        answers = {(each["deals"], each["won"]) for every in found.values() for each in every}
        if len(answers) > 1:
            msg = f"the ways disagree: {answers}"
            raise AssertionError(msg)
        least = {way: min(each["seconds"] for each in every) for way, every in found.items()}
        rows += [
            {
                "file": ending,
                "way": way,
                "deals": deals,
                "seconds": least[way],
                "ratio": least[way] / least[BASE],
                "MB": max(each["MB"] for each in every),
            }
            for way, every in found.items()
        ]
    return pd.DataFrame(rows)


def main() -> None:
    """Print the table, or, as a process of one way, its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deals", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, help="where the files are made and kept; a temporary folder when not given")
    parser.add_argument("--peers", type=Path, help="folder of the peers' virtual environment, made by .ci/peers")
    parser.add_argument("--ways", nargs="*", default=list(WAYS), help=f"which of {', '.join(WAYS)}")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.one, given.path)))
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        table = measured(given.deals, folder, given.peers, tuple(given.ways))
    if given.json:
        given.json.write_text(table.to_json(orient="records"))
    print(table.round({"seconds": 2, "ratio": 2, "MB": 0}).to_string(index=False))


if __name__ == "__main__":
    main()
