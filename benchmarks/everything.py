"""Every benchmark there is, in one go: one table with ratios and bars, recorded in MLflow's experiment whywin-benchmarks; not a test.

    python benchmarks/everything.py                    `make bench`: about half an hour on a quiet machine
    python benchmarks/everything.py --peers DIRECTORY  also the peers that .ci/peers installed there
    python benchmarks/everything.py --quick            a few minutes: fewer deals, each side once
    python benchmarks/everything.py --only reading     some of them

Each script runs in a process of its own, with linear algebra on one core, and writes rows of task, way, deals, seconds and megabytes.
Ratios are those of one run: seconds of two runs, or of two machines, say nothing about one another. How seconds grow with deals is drawn.
A script that fails is said and recorded as failed; the others still run. A bar that is missed stands there with its reason.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from bars import growth, judged, with_ratios

HERE = Path(__file__).parent
SIZES = (100_000, 1_000_000, 10_000_000)
EXPERIMENT = "whywin-benchmarks"
WIDE = 3  # parts of the figure side by side
PARTS = ("everything", "sides", "bars", "effect_peers")


def scripts() -> tuple[str, ...]:
    """Return the benchmarks by name, found by file name."""
    return tuple(sorted(path.stem for path in HERE.glob("*.py") if path.stem not in PARTS))


def ran(name: str, folder: Path, given: argparse.Namespace) -> tuple[str, bool, pd.DataFrame]:
    """Run one script; return what it printed, whether it succeeded, and its rows."""
    command = [sys.executable, str(HERE / f"{name}.py")]
    takes = subprocess.run([*command, "--help"], capture_output=True, text=True, check=False).stdout
    if given.quick and "--quick" not in takes:
        return "left out of a quick run", True, pd.DataFrame()
    command += ["--quick"] if given.quick else []
    command += ["--peers", str(given.peers.resolve())] if given.peers and "--peers" in takes else []
    command += ["--deals", *map(str, given.sizes)] if name == "reading" and not given.quick else []
    path = folder / f"{name}.json"
    command += ["--json", str(path)] if "--json" in takes else []
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    table = pd.DataFrame(json.loads(path.read_text())) if path.exists() else pd.DataFrame()
    text = done.stdout + ("" if done.returncode == 0 else f"\nfailed:\n{done.stderr[-2000:]}")
    return text, done.returncode == 0, table if "task" in table else pd.DataFrame()


def drawn(table: pd.DataFrame, powers: pd.DataFrame, path: Path) -> None:
    """Draw seconds against the number of deals, one part a task and one line a way, both scales logarithmic."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    tasks = list(powers["task"].unique())
    wide = min(len(tasks), WIDE)
    deep = -(-len(tasks) // wide)
    figure, axes = plt.subplots(deep, wide, figsize=(5 * wide, 4 * deep), squeeze=False)
    for axis in axes.flat[len(tasks) :]:
        axis.set_axis_off()
    for axis, task in zip(axes.flat, tasks, strict=False):
        ways = powers.loc[powers["task"] == task, ["way", "exponent"]]
        for way, power in ways.itertuples(index=False):
            part = table[(table["task"] == task) & (table["way"] == way)].dropna(subset="seconds").sort_values("deals")
            axis.plot(part["deals"], part["seconds"], marker="o", label=f"{way}: deals^{power:.2f}")
        axis.set(xscale="log", yscale="log", xlabel="deals", ylabel="seconds", title=task)
        low, high = axis.get_ylim()
        middle = (low * high) ** 0.5  # a hundredfold at least, or noise would look like growth
        axis.set_ylim(min(low, middle / 10), max(high, middle * 10))
        axis.legend(frameon=False, fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    plt.close(figure)


def record(root: Path, texts: dict[str, tuple[str, bool]], tables: dict[str, pd.DataFrame], figure: Path | None) -> str:
    """Record a run: each script's text, the tables and the figure, and ratios, seconds and megabytes as metrics; return its id."""
    import mlflow

    from whywin.tracking import open_store

    store = open_store(root)
    mlflow.set_tracking_uri(store.uri)
    if mlflow.get_experiment_by_name(EXPERIMENT) is None:
        mlflow.create_experiment(EXPERIMENT, str(store.artifacts / EXPERIMENT))  # beside the record, wherever this is run from
    mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run(run_name=f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC") as run:
        for name, (text, passed) in texts.items():
            mlflow.log_text(text, f"{name}.txt")
            mlflow.log_metric(f"{name}/succeeded", float(passed))
        for name, table in tables.items():
            mlflow.log_text(table.to_csv(index=False), f"{name}.csv")
        for row in tables["rows"].to_dict("records"):
            for measure in ("ratio", "seconds", "MB"):
                if pd.notna(row.get(measure)):
                    mlflow.log_metric(_named(row["task"], row["way"], measure), row[measure], step=int(row["deals"]))
        for row in tables["bars"].dropna(subset="measured").to_dict("records"):
            mlflow.log_metric(_named(row["task"], row["way"], row["bar"].split(" ≤")[0], "met"), float(row["met"] == "yes"))
        if figure is not None:
            mlflow.log_artifact(str(figure))
        return str(run.info.run_id)


def _named(*parts: str) -> str:
    """Return a metric's name: MLflow takes few signs."""
    return "/".join("".join(sign if sign.isalnum() or sign in "-_. " else " " for sign in part) for part in parts)


def shown(tables: dict[str, pd.DataFrame]) -> None:
    """Print the one table with the bars beside the rows, and below it how seconds grow and why bars are missed."""
    bars = tables["bars"]
    beside = bars.assign(bar=bars["bar"] + ": " + bars["met"]).groupby(["task", "way", "deals"])["bar"].agg("; ".join)
    columns = [name for name in ("task", "way", "deals", "seconds", "ratio", "MB", "says") if name in tables["rows"]]
    order = tables["rows"]["task"].map({task: place for place, task in enumerate(tables["rows"]["task"].unique())})
    table = tables["rows"].loc[order.sort_values(kind="stable").index, columns].join(beside, on=["task", "way", "deals"])
    print(table.round({"seconds": 3, "ratio": 2, "MB": 0}).to_string(index=False, na_rep=""))
    for name in ("growth", "bars"):
        print(f"\n== {name}\n{tables[name].round(3).to_string(index=False, na_rep='')}")


def main() -> None:
    """Run, print, draw and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, help="folder of the peers' environments, made by .ci/peers")
    parser.add_argument("--quick", action="store_true", help="a few minutes: fewer deals, each side once")
    parser.add_argument("--only", nargs="*", choices=scripts(), default=list(scripts()), help="which of the scripts")
    parser.add_argument("--sizes", nargs="*", type=int, default=list(SIZES), help="numbers of deals of reading's growth")
    parser.add_argument("--store", type=Path, default=Path("mlruns"), help="where the runs are recorded")
    given = parser.parse_args()
    texts, rows = {}, []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in given.only:
            print(f"== {name}", flush=True)
            text, passed, table = ran(name, folder, given)
            print(text, flush=True)
            texts[name] = (text, passed)
            rows.append(table)
        table = with_ratios(pd.concat(rows, ignore_index=True)) if any(len(part) for part in rows) else pd.DataFrame()
        if len(table):
            powers = growth(table)
            tables = {"rows": table, "growth": powers, "bars": judged(table, powers)}
            shown(tables)
            figure = folder / "growth.png" if len(powers) else None
            if figure is not None:
                drawn(table, powers, figure)
            print(f"recorded as {record(given.store, texts, tables, figure)} in {EXPERIMENT}")
    if not all(passed for _, passed in texts.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
