"""Reading and counting deals against plain DuckDB SQL, pandas and polars: the same files, in one run, each in a process of its own; not a test.

    python benchmarks/reading.py                    10,000,000 deals, as Parquet and as CSV; about five minutes on a quiet machine
    python benchmarks/reading.py --deals 1000000    fewer; several numbers say how cost grows
    python benchmarks/reading.py --quick            1,000,000 deals, each side once
    python benchmarks/reading.py --peers DIRECTORY  also polars, from the environment that .ci/peers made there

Counting is what both sides do: leave open deals out, and count deals and won deals by industry, region, product, lead source and quarter.
"contract" is the rest of what whywin does with deals that stay in their file: the rules, the quality scores, the fingerprint and the
columns that the checks need. "page" is the whole run, from the file to a recorded page. Seconds are the least of three processes that
take turns, without Python's start and imports; megabytes are the most that a process ever held. Kept counts are counts of deals of which
those created in the last fifteen days, about 1 %, are new since the counts were kept, against counting all of them.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sides import apart, of_peer, ran, row, told

KEYS = ("industry", "region", "product", "lead_source")
REPEATS = 3
BASE = "DuckDB SQL"
KEPT, PAGE = "counts kept", "whywin, page"
NEW = "2024-12-16"  # deals created from this day on, about 1 %, are new since counts were kept
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
import sys, time, json
import polars as pl
path, start, used = sys.argv[1], time.perf_counter(), time.process_time()
lazy = pl.scan_parquet(path) if path.endswith("parquet") else pl.scan_csv(path, try_parse_dates=True)
quarter = pl.col("created").dt.year().cast(str) + "Q" + pl.col("created").dt.quarter().cast(str)
keys = ["industry", "region", "product", "lead_source", quarter.alias("created_quarter")]
found = lazy.filter(pl.col("outcome").is_in(["Won", "Lost"])).group_by(keys).agg(deals=pl.len(), won=(pl.col("outcome") == "Won").sum())
table = found.collect(engine="streaming")
print("RESULT", json.dumps({"seconds": time.perf_counter() - start, "of cores": time.process_time() - used,
                  "closed": int(table["deals"].sum()), "won": int(table["won"].sum())}))
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


def written(deals: int, path: Path) -> None:
    """Make a file of deals."""
    import duckdb

    duckdb.connect().execute(MAKE.format(deals=deals, path=path))


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
    there, held = file_there(File(path, in_place=True))
    table = understood(there, contract())
    counted = merged(cells_there(need, table.drop_null("won"), keys(need, table, {})), need)
    held.close()
    return counted


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
    PAGE: whywin_page,
    "pandas": pandas_whole,
}


def incremental(path: Path) -> dict[str, float]:
    """Return seconds of counting all deals, and of merging the newest 1 % into counts of the others that were kept."""
    from whywin.deals.engine_counts import cells_there, keys, merged
    from whywin.deals.in_engine import understood
    from whywin.deals.need import Cells
    from whywin.plan import File
    from whywin.sources.counts import refreshed
    from whywin.sources.places import file_there

    need = Cells((*KEYS, "created_quarter"))
    there, held = file_there(File(path, in_place=True))
    closed = understood(there, contract()).drop_null("won")
    made = keys(need, closed, {}) or {}
    older = closed.filter(closed["created"] < pd.Timestamp(NEW))
    kept, _ = refreshed(pd.DataFrame({"part": []}), need, older, keys(need, older, {}) or {})
    start = time.perf_counter()
    whole = merged(cells_there(need, closed, made), need)
    middle = time.perf_counter()
    cells, changed = refreshed(kept, need, closed, made)
    again = merged(cells.drop(columns=["part", "fingerprint"]), need)
    end = time.perf_counter()
    pd.testing.assert_frame_equal(whole, again)
    held.close()
    return {"whole": middle - start, "merged": end - middle, "months": len(changed)}


def alone(way: str, path: Path, peers: Path | None) -> dict[str, Any]:
    """Run one way in a process of its own."""
    if way == "polars":
        return of_peer(peers, "polars", POLARS, path)
    return ran([sys.executable, __file__, "--one", way, "--path", path])


def one(way: str, path: Path) -> dict[str, float]:
    """Time one way in this process, after its imports."""
    import duckdb
    import pyarrow.compute  # noqa: F401 - importing is not what is measured

    import whywin.sources  # noqa: F401 - likewise

    if way.startswith("whywin") or way == KEPT:
        import ibis

        ibis.duckdb.connect().disconnect()
    duckdb.connect().close()
    if way == KEPT:
        return incremental(path)
    start, used = time.perf_counter(), time.process_time()
    found = WAYS[way](path)
    seconds, used = time.perf_counter() - start, time.process_time() - used
    return {"seconds": seconds, "of cores": used, "closed": int(found["deals"].sum()), "won": int(found["won"].sum())}


def measured(path: Path, peers: Path | None, chosen: list[str], repeats: int) -> dict[str, dict[str, Any]]:
    """Return what each way found on a file: the fastest of its turns, and the most megabytes of any."""
    ways = [*(way for way in WAYS if way in chosen or way == BASE), *(["polars"] if peers else [])]
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    for turn in range(repeats):
        for way in ways:
            if turn == 0 or way not in {PAGE, "pandas"}:
                found[way].append(alone(way, path, peers))
    answers = {(each["closed"], each["won"]) for every in found.values() for each in every if "says" not in each}
    if len(answers) > 1:
        msg = f"the ways disagree: {answers}"
        raise AssertionError(msg)
    best = {}
    for way, every in found.items():
        least = min(every, key=lambda each: float(each.get("seconds", np.inf)))
        best[way] = {name: value for name, value in least.items() if name not in {"closed", "won"}}
        if "MB" in least:
            best[way]["MB"] = max(each.get("MB", 0.0) for each in every)
    return best


def main() -> None:
    """Print the table, or, as a process of one way, its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deals", type=int, nargs="*", help="10,000,000")
    parser.add_argument("--folder", type=Path, help="where the files are made and kept; a temporary folder when not given")
    parser.add_argument("--peers", type=Path, help="folder of the peers' environments, made by .ci/peers")
    parser.add_argument("--ways", nargs="*", default=list(WAYS), help=f"which of {', '.join(WAYS)}")
    parser.add_argument("--quick", action="store_true", help="1,000,000 deals, each side once")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print("RESULT", json.dumps(one(given.one, given.path)))
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sizes = given.deals or [1_000_000 if given.quick else 10_000_000]
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        rows = []
        for deals in sizes:
            ways = [way for way in given.ways if way != PAGE or deals == max(sizes)]
            rows += compared(deals, folder, given, ways)
    told(rows, given.json)


def compared(deals: int, folder: Path, given: argparse.Namespace, ways: list[str]) -> Iterator[dict[str, Any]]:
    """Give the rows of one number of deals, both kinds of file, and kept counts."""
    for ending in ("parquet", "csv"):
        path = folder / f"deals_{deals}.{ending}"
        if not path.exists():
            apart(written, deals, path)
        for way, found in measured(path, given.peers, ways, 1 if given.quick else REPEATS).items():
            yield row(f"read + aggregate, {ending}", way, deals, found)
        if ending == "parquet":
            found = alone(KEPT, path, None)
            for way in ("whole", "merged"):
                yield row(
                    "counts kept between runs", way, deals, {"seconds": found[way], "MB": found["MB"]} if way in found else found
                )


if __name__ == "__main__":
    main()
