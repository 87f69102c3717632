"""A trial of 1,000,000 deals, 5 metrics and 500 reps, adjusted for what was known before, against the peers: one run, not a test.

    python benchmarks/trials.py                    ours, from every kind of table
    python benchmarks/trials.py --peers DIRECTORY  also tea-tasting, gbstats and cluster-experiments, from the environments of .ci/peers
    python benchmarks/trials.py --quick            fewer deals and repetitions

Times are of warm repetitions, the median and the best. `by rep` says whether errors know that deals of one rep are not independent. Memory
is what a process of its own needed above the loaded table. cluster-experiments is given one metric, and its time is multiplied by five.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sides import apart, of_peer, ran, row, told

METRICS, REPS = 5, 500
TASK = f"trial of {METRICS} metrics and {REPS} reps, adjusted"


def deals_of(count: int, seed: int = 1) -> pd.DataFrame:
    """Deals, one row each: rep, arm, and five metrics each with what was known of the rep before."""
    rng = np.random.default_rng(seed)
    weight = rng.gamma(1.0, size=REPS)
    rep = rng.choice(REPS, p=weight / weight.sum(), size=count)
    own, arm = rng.normal(0, 0.5, (REPS, METRICS)), np.arange(REPS) % 2
    table: dict[str, Any] = {
        "rep": np.array([f"rep {number:03d}" for number in range(REPS)])[rep],
        "arm": np.where(arm[rep] == 1, "alert", "control"),
    }
    for place in range(METRICS):
        table[f"metric_{place}"] = own[rep, place] + rng.normal(size=count)
        table[f"before_{place}"] = (own[:, place] + rng.normal(0, 0.3, REPS))[rep]
    return pd.DataFrame(table)


def written(count: int, path: Path) -> None:
    """Write the deals for every side."""
    deals_of(count).to_parquet(path, index=False)


OURS = """
import json, resource, sys, time
import duckdb, numpy as np, pandas as pd, pyarrow.parquet as pq
from whywin.trials.at_scale import effects_at_scale
from whywin.trials.metric import Metric
from whywin.trials.question import Trial

path, kind, draws, repeats = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
metrics = tuple(Metric(f"metric_{k}", role="primary" if k == 0 else "secondary") for k in range(5))
question = Trial("arm", "control", "rep", metric="metric_0", metrics=metrics, before=tuple(f"before_{k}" for k in range(5)))
table = pq.read_table(path)
if kind == "pandas":
    table = pq.read_table(path).to_pandas()
elif kind == "DuckDB":
    connection = duckdb.connect()
    connection.execute("CREATE TABLE deals AS SELECT * FROM read_parquet(?)", [path])
    table = connection.table("deals")
# what importing and a first small question cost is no memory of the table's
small = effects_at_scale(question, pq.read_table(path).slice(0, 50_000), np.random.default_rng(1), draws=draws)
held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
times = []
for _ in range(repeats):
    start = time.perf_counter()
    found = effects_at_scale(question, table, np.random.default_rng(1), draws=draws)
    times.append(time.perf_counter() - start)
above = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held) / 1024
row = found.iloc[0]
print("RESULT", json.dumps({"times": times, "MB above": above, "effect": row["effect"], "error": row["error"]}))
"""

TEA_TASTING = """
import json, sys, time
import polars as pl, tea_tasting as tt
table = pl.read_parquet(sys.argv[1])
if sys.argv[2] == "pandas":
    table = table.to_pandas()
experiment = tt.Experiment({f"metric_{k}": tt.Mean(f"metric_{k}", f"before_{k}") for k in range(5)}, variant="arm")
times = []
for _ in range(int(sys.argv[4])):
    start = time.perf_counter()
    found = experiment.analyze(table, control="control")
    times.append(time.perf_counter() - start)
one = found["metric_0"]
half = (one.effect_size_ci_upper - one.effect_size_ci_lower) / 2
print("RESULT", json.dumps({"times": times, "effect": one.effect_size, "error": half / 1.96}))
"""

GBSTATS = """
import json, sys, time
import polars as pl
from gbstats.frequentist.tests import FrequentistConfig, TwoSidedTTest
from gbstats.models.statistics import RegressionAdjustedStatistic, SampleMeanStatistic, compute_theta
table = pl.read_parquet(sys.argv[1])
def sums(k):
    m, b = pl.col(f"metric_{k}"), pl.col(f"before_{k}")
    parts = {"m": m.sum(), "mm": (m * m).sum(), "b": b.sum(), "bb": (b * b).sum(), "mb": (m * b).sum()}
    return [value.alias(f"{name}_{k}") for name, value in parts.items()]
def statistic(row, k, theta=0.0):
    n = row["n"]
    return RegressionAdjustedStatistic(
        n=n, post_statistic=SampleMeanStatistic(n=n, sum=row[f"m_{k}"], sum_squares=row[f"mm_{k}"]),
        pre_statistic=SampleMeanStatistic(n=n, sum=row[f"b_{k}"], sum_squares=row[f"bb_{k}"]),
        post_pre_sum_of_products=row[f"mb_{k}"], theta=theta)
times = []
for _ in range(int(sys.argv[4])):
    start = time.perf_counter()
    found = table.group_by("arm").agg(pl.len().alias("n"), *(one for k in range(5) for one in sums(k)))
    rows = {row["arm"]: row for row in found.to_dicts()}
    tests = []
    for k in range(5):
        arms = [statistic(rows[arm], k) for arm in ("control", "alert")]
        theta = compute_theta(*arms)
        arms = [statistic(rows[arm], k, theta) for arm in ("control", "alert")]
        tests.append(TwoSidedTTest(*arms, FrequentistConfig(difference_type="absolute")).compute_result())
    times.append(time.perf_counter() - start)
one = tests[0]
print("RESULT", json.dumps({"times": times, "effect": one.expected, "error": (one.ci[1] - one.ci[0]) / 2 / 1.96}))
"""

CLUSTER_EXPERIMENTS = """
import json, sys, time
import pandas as pd
from cluster_experiments import ClusteredOLSAnalysis
table = pd.read_parquet(sys.argv[1])
analysis = ClusteredOLSAnalysis(
    cluster_cols=["rep"], target_col="metric_0", treatment_col="arm", treatment="alert", covariates=["before_0"])
table["arm"] = table["arm"].astype(str)
work = table.assign(arm=(table["arm"] == "alert").astype(int))
times = []
for _ in range(2):
    start = time.perf_counter()
    effect, error = analysis.analysis_point_estimate(work), analysis.analysis_standard_error(work)
    times.append(5 * (time.perf_counter() - start) / 2)
print("RESULT", json.dumps({"times": times, "effect": float(effect), "error": float(error)}))
"""


def measured(path: Path, peers: Path | None, repeats: int) -> dict[str, dict[str, Any]]:
    """Return what each side found, by name."""
    rows = {
        f"whywin, {kind}": ran([sys.executable, "-c", OURS, path, kind, 0, repeats]) | {"by rep": "yes"}
        for kind in ("DuckDB", "Arrow", "pandas")
    }
    whole = ran([sys.executable, "-c", OURS, path, "DuckDB", 999, repeats])
    rows["whywin, DuckDB, 999 + 999 draws"] = whole | {"by rep": "yes"}
    for kind in ("Polars", "pandas"):
        tasting = of_peer(peers, "tea_tasting", TEA_TASTING, path, kind, 0, repeats)
        rows[f"tea-tasting, {kind}"] = tasting | {"by rep": "no"}
    rows["gbstats, Polars"] = of_peer(peers, "gbstats", GBSTATS, path, "", 0, repeats) | {"by rep": "no"}
    clustered = of_peer(peers, "cluster_experiments", CLUSTER_EXPERIMENTS, path, "", 0, 2)
    rows["cluster-experiments, pandas"] = clustered | {"by rep": "yes"}
    return rows


def main() -> None:
    """Run everything and print one row each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deals", type=int, help="deals of the trial, 1,000,000")
    parser.add_argument("--repeats", type=int, help="warm repetitions, 9")
    parser.add_argument("--peers", type=Path, help="folder of the peers' environments, made by .ci/peers")
    parser.add_argument("--quick", action="store_true", help="100,000 deals and three repetitions")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    given = parser.parse_args()
    deals = given.deals or (100_000 if given.quick else 1_000_000)
    repeats = given.repeats or (3 if given.quick else 9)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "deals.parquet"
        apart(written, deals, path)
        found = measured(path, given.peers, repeats)
    rows = []
    for way, one in found.items():
        times = one.pop("times", None)
        warm = {} if times is None else {"seconds": float(np.median(times)), "least": min(times)}
        rows.append(row(TASK, way, deals, warm | one))
    told(rows, given.json)


if __name__ == "__main__":
    main()
