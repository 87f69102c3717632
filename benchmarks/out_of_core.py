"""Effects and trials on a table larger than the memory they are given: 10,000,000 deals of 20 columns in a Parquet file; not a test.

    python benchmarks/out_of_core.py                    all of it: about half an hour, most of it the checks of the pages
    python benchmarks/out_of_core.py --deals 1000000    fewer deals
    python benchmarks/out_of_core.py --ways "weighting, matching"   these alone, names separated by commas
    systemd-run --scope -p MemoryMax=2G python benchmarks/out_of_core.py    with no more than 2 GB, files' pages in memory included

Each way runs once in a process of its own, from the file to its numbers, with `source: {path: ..., in_place: true}`. "sums" are a trial's
sums by rep of three metrics, taken in the engine; the methods' names stand for an effect with its interval from a sample of 200,000 deals
that the engine draws; "page" is the whole run with every check, to a recorded page. Seconds leave out Python's start and imports;
megabytes are the most that the process ever held, and the largest of the processes that it started. The made-up truth stands beside
the interval.
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
from typing import Any

import numpy as np
import pandas as pd

LABELS = {"won": ["Won"], "lost": ["Lost"], "open": ["Open"]}
EFFECT = {
    "kind": "effect",
    "treatment": "called",
    "confounders": ["engagement", "amount", "region", "industry", "product", "lead_source"],
    "logs": ["amount"],
    "cluster": "rep",
}
TRIAL = {"kind": "trial", "arm": "arm", "control": "control", "unit": "rep", "start": "2024-01-01"}
TRUTH = {"effect": 5.0, "trial": 2.0}  # points; in the trial from its start on
MAKE = """
COPY (
  WITH drawn AS (
    SELECT i, (hash(i) % 1460)::INT AS day, (hash(i + 2) % 200)::INT AS rep, (hash(i + 3) % 8)::INT AS industry,
           (hash(i + 4) % 5)::INT AS region, (hash(i + 5) % 4)::INT AS product, (hash(i + 6) % 6)::INT AS lead,
           (hash(i + 8) % 1000) / 1000.0 AS size, (hash(i + 10) % 1000) / 1000.0 AS engagement, (hash(i + 11) % 1000000) / 1e6 AS choice,
           (hash(i + 12) % 1000000) / 1e6 AS luck, hash(i + 7) % 50 = 0 AS unfinished
    FROM range({deals}) t(i)
  ), treated AS (
    SELECT *, choice < 1 / (1 + exp(2.2 - 2.0 * engagement - 1.0 * size - 0.15 * region)) AS called,
           hash(rep + 77) % 2 = 1 AS alerted, DATE '2021-01-01' + day AS created
    FROM drawn
  )
  SELECT 'D' || lpad(i::VARCHAR, 8, '0') AS deal_id, created,
         CASE WHEN NOT unfinished THEN created + (10 + hash(i + 1) % 150)::INT END AS closed,
         'rep ' || lpad(rep::VARCHAR, 3, '0') AS rep, 'team ' || lpad((rep // 10)::VARCHAR, 2, '0') AS team,
         CASE WHEN alerted THEN 'alerts' ELSE 'control' END AS arm,
         ['Finance', 'Health', 'Retail', 'Industry', 'Software', 'Media', 'Energy', 'Public'][1 + industry] AS industry,
         ['North', 'South', 'East', 'West', 'Abroad'][1 + region] AS region,
         ['Core', 'Plus', 'Suite', 'Add-on'][1 + product] AS product,
         ['Inbound', 'Outbound', 'Partner', 'Event', 'Referral', 'Web'][1 + lead] AS lead_source,
         ['EUR', 'USD', 'GBP'][1 + (hash(i + 13) % 3)::INT] AS currency,
         ['None', 'Acme', 'Globex', 'Initech'][1 + (hash(i + 14) % 4)::INT] AS competitor,
         ['New', 'Renewal', 'Expansion'][1 + (hash(i + 15) % 3)::INT] AS type,
         round(exp(9 + 2.5 * size), 2) AS amount, engagement, (hash(i + 16) % 5000)::INT AS employees, (hash(i + 17) % 40)::INT AS emails,
         (hash(i + 18) % 12)::INT AS meetings, called::INT AS called,
         CASE WHEN unfinished THEN 'Open'
              WHEN luck < 0.15 + 0.01 * industry + 0.02 * region + 0.15 * engagement + 0.1 * size + (hash(rep) % 100) / 1000.0
                        + CASE WHEN called THEN 0.05 ELSE 0 END
                        + CASE WHEN alerted AND created >= DATE '2024-01-01' THEN 0.02 ELSE 0 END
              THEN 'Won' ELSE 'Lost' END AS outcome
  FROM treated
) TO '{path}'
"""


def plan_of(path: Path, question: dict[str, Any], *methods: str) -> dict[str, Any]:
    """A plan of a question on the deals in place."""
    source = {"path": str(path), "in_place": True}
    return {"name": "out-of-core", "question": question, "source": source, "deals": LABELS, "methods": list(methods)}


def sums(path: Path) -> pd.Series:
    """The effects of a trial on three metrics: sums by rep leave the engine, adjusted for the reps' past."""
    from whywin.deals.contract import Contract
    from whywin.deals.need import Cells
    from whywin.plan import File
    from whywin.sources import keep_there
    from whywin.trials.at_scale import effects_at_scale
    from whywin.trials.metric import Metric
    from whywin.trials.question import Trial

    metrics = (Metric("won", role="primary"), Metric("amount"), Metric("meetings"))
    question = Trial("arm", "control", "rep", metrics=metrics, start=pd.Timestamp(TRIAL["start"]).date())
    contract = Contract(won=("Won",), lost=("Lost",), open=("Open",))
    deals, _ = keep_there(File(path, in_place=True), contract, [Cells(("arm",))])
    found = effects_at_scale(question, deals).iloc[0]
    return found.rename({"effect": "value", "deals": "n"})


def answer(method: str) -> Callable[[Path], pd.Series]:
    """A method's effect with its interval, from a sample that the engine draws."""

    def work(path: Path) -> pd.Series:
        from whywin import config
        from whywin.runner import kept

        plan = config.plan_of(plan_of(path, EFFECT, method))
        deals, _ = kept(plan)
        one = plan.methods[method]
        return one.answer(plan.question, deals.sample(one.need(plan.question)), np.random.default_rng(0)).to_frame().iloc[0]

    return work


def page(question: dict[str, Any], *methods: str) -> Callable[[Path], pd.Series]:
    """The whole run, from the file to a recorded page."""

    def work(path: Path) -> pd.Series:
        from whywin.runner import execute

        with tempfile.TemporaryDirectory() as folder:
            config = Path(folder) / "plan.yaml"
            config.write_text(json.dumps(plan_of(path, question, *methods)))
            run = execute(config, store_root=Path(folder) / "mlruns", port=5000).run
            return run.headline.to_frame().iloc[0]

    return work


WAYS: dict[str, tuple[str, Callable[[Path], pd.Series]]] = {
    "trial sums": ("trial", sums),
    "trial page": ("trial", page(TRIAL, "adjusted", "fixed")),
    "weighting": ("effect", answer("weighting")),
    "matching": ("effect", answer("matching")),
    "doubly_robust": ("effect", answer("doubly_robust")),
    "weighting page": ("effect", page(EFFECT, "weighting")),
    "matching page": ("effect", page(EFFECT, "matching")),
    "doubly_robust page": ("effect", page(EFFECT, "doubly_robust")),
}


def one(way: str, path: Path) -> dict[str, Any]:
    """Time one way in this process, after its imports."""
    import duckdb
    import ibis

    import whywin.runner  # noqa: F401 - importing is not what is measured

    duckdb.connect().close()
    ibis.duckdb.connect().disconnect()
    kind, work = WAYS[way]
    start = time.perf_counter()
    found = work(path)
    seconds = time.perf_counter() - start
    most = {name: resource.getrusage(who).ru_maxrss / 1024 for name, who in PROCESSES.items()}
    numbers = {name: float(found[name]) for name in ("n", "value", "low", "high")}
    return {"way": way, "seconds": seconds, **most, **numbers, "truth": TRUTH[kind]}


PROCESSES = {"MB": resource.RUSAGE_SELF, "MB of another": resource.RUSAGE_CHILDREN}


def alone(way: str, path: Path) -> dict[str, Any]:
    """Run one way in a process of its own; one that is refused the memory gives no numbers."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", way, "--path", str(path)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"{way}: ended with {done.returncode}\n{done.stderr[-2000:]}", file=sys.stderr)
        return {"way": way}
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measured(deals: int, folder: Path, chosen: tuple[str, ...] = tuple(WAYS)) -> pd.DataFrame:
    """Return one row a way: seconds, megabytes, and the effect in points with its interval beside the truth."""
    import duckdb

    path = folder / f"wide_{deals}.parquet"
    if not path.exists():
        duckdb.connect().execute(MAKE.format(deals=deals, path=path))
    return pd.DataFrame([alone(way, path) for way in chosen]).assign(deals=deals)


def main() -> None:
    """Print the table, or, as a process of one way, its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deals", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, help="where the file is made and kept; a temporary folder when not given")
    parser.add_argument("--ways", default=", ".join(WAYS), help=f"of {', '.join(WAYS)}")
    parser.add_argument("--json", type=Path, help="where to write the table too")
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.one, given.path)))
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    ways = tuple(name.strip() for name in given.ways.split(","))
    unknown = set(ways) - set(WAYS)
    if unknown:
        parser.error(f"--ways: {', '.join(sorted(unknown))} is none of {', '.join(WAYS)}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        table = measured(given.deals, folder, ways)
    if given.json:
        given.json.write_text(table.to_json(orient="records"))
    print(table.round({"seconds": 1, "MB": 0, "MB of another": 0, "value": 2, "low": 2, "high": 2}).to_string(index=False))


if __name__ == "__main__":
    main()
