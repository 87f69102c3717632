"""Every benchmark there is, in one go: printed, recorded in MLflow's experiment whywin-benchmarks, and how cost grows drawn; not a test.

    python benchmarks/everything.py                    `make bench`: about half an hour on a quiet machine
    python benchmarks/everything.py --peers DIRECTORY  also the peers that .ci/peers installed there
    python benchmarks/everything.py --only reading     some of them

Each script runs in a process of its own, with linear algebra on one core, and prints ratios of its sides in that run: seconds of two
runs, or of two machines, say nothing about one another. A script that fails is said and recorded as failed; the others still run.
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

HERE = Path(__file__).parent
GROWTH = (100_000, 1_000_000, 10_000_000)
EXPERIMENT = "whywin-benchmarks"


def scripts() -> tuple[str, ...]:
    """Return the benchmarks by name, found by file name."""
    return tuple(sorted(path.stem for path in HERE.glob("*.py") if path.stem != Path(__file__).stem))


def ran(name: str, words: list[str]) -> tuple[str, bool]:
    """Run one script; return what it printed, and whether it succeeded."""
    takes = subprocess.run([sys.executable, HERE / f"{name}.py", "--help"], capture_output=True, text=True, check=False).stdout
    given = words if "--peers" in takes else []
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, HERE / f"{name}.py", *given], capture_output=True, text=True, check=False, env=environment
    )
    return done.stdout + ("" if done.returncode == 0 else f"\nfailed:\n{done.stderr[-2000:]}"), done.returncode == 0


def growth(folder: Path, sizes: tuple[int, ...]) -> pd.DataFrame:
    """Return seconds and megabytes of reading by the number of deals."""
    tables = []
    for size in sizes:
        found = folder / f"{size}.json"
        words = ["--deals", str(size), "--folder", str(folder), "--json", str(found)]
        subprocess.run([sys.executable, HERE / "reading.py", *words], check=True)
        tables.append(pd.DataFrame(json.loads(found.read_text())))
    return pd.concat(tables, ignore_index=True)


def drawn(table: pd.DataFrame, path: Path) -> None:
    """Draw seconds against the number of deals, one line a way, both scales logarithmic."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    kinds = list(table["file"].unique())
    figure, axes = plt.subplots(1, len(kinds), figsize=(5.5 * len(kinds), 4), sharey=True, squeeze=False)
    for axis, kind in zip(axes[0], kinds, strict=True):
        for way, part in table[table["file"] == kind].groupby("way", sort=False):
            axis.plot(part["deals"], part["seconds"], marker="o", label=way)
        axis.set(xscale="log", yscale="log", xlabel="deals", title=kind)
    axes[0][0].set_ylabel("seconds")
    axes[0][-1].legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    plt.close(figure)


def record(root: Path, texts: dict[str, tuple[str, bool]], table: pd.DataFrame, figure: Path | None) -> str:
    """Record a run: each script's text, the growth table and figure, and the ratios as metrics; return the run's id."""
    import mlflow

    from whywin.tracking import open_store

    mlflow.set_tracking_uri(open_store(root).uri)
    mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run(run_name=f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC") as run:
        for name, (text, passed) in texts.items():
            mlflow.log_text(text, f"{name}.txt")
            mlflow.log_metric(f"{name}/succeeded", float(passed))
        for row in table.to_dict("records"):
            name = f"reading/{row['file']}/{row['way'].replace(',', '')}"
            mlflow.log_metric(f"{name}/ratio", row["ratio"], step=int(row["deals"]))
            mlflow.log_metric(f"{name}/seconds", row["seconds"], step=int(row["deals"]))
            mlflow.log_metric(f"{name}/megabytes", row["MB"], step=int(row["deals"]))
        if figure is not None:
            mlflow.log_text(table.to_csv(index=False), "growth.csv")
            mlflow.log_artifact(str(figure))
        return str(run.info.run_id)


def main() -> None:
    """Run, print, draw and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, help="folder of the peers' virtual environment, made by .ci/peers")
    parser.add_argument("--only", nargs="*", choices=scripts(), default=list(scripts()), help="which of the scripts")
    parser.add_argument("--sizes", nargs="*", type=int, default=list(GROWTH), help="numbers of deals of the growth")
    parser.add_argument("--store", type=Path, default=Path("mlruns"), help="where the runs are recorded")
    given = parser.parse_args()
    words = ["--peers", str(given.peers)] if given.peers else []
    texts: dict[str, tuple[str, bool]] = {}
    table, figure = pd.DataFrame(), None
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in given.only:
            print(f"== {name}", flush=True)
            if name == "reading":
                table, figure = growth(folder, tuple(given.sizes)), folder / "growth.png"
                drawn(table, figure)
                texts[name] = (table.to_string(index=False), True)
            else:
                texts[name] = ran(name, words)
                print(texts[name][0], flush=True)
        print(f"recorded as {record(given.store, texts, table, figure)} in {EXPERIMENT}")
    if not all(passed for _, passed in texts.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
