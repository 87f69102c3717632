"""The win-rate model against PyMC on deal rows and against bambi: the same data and priors, in one run; not a test.

    python benchmarks/winrates.py                    ours and PyMC
    python benchmarks/winrates.py --peers DIRECTORY  also bambi, installed into a virtual environment there (made when it is not there)

Effective draws are the least bulk effective size over the standard deviations and the company's log odds; times include compiling.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

DIMENSIONS = {"industry": 5, "region": 4, "product": 3, "lead_source": 4, "rep": 25}
LARGE = {"industry": 10, "region": 5, "product": 4, "lead_source": 6}
PRIORS = {"centre": 0.0, "width": 1.0, "spread": 0.4}
DRAWS, TUNE, CHAINS = 1000, 1000, 4


def deals_of(count: int, seed: int = 1) -> pd.DataFrame:
    """Deals, one row each, with five crossed columns whose levels differ."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({name: rng.integers(size, size=count) for name, size in DIMENSIONS.items()})
    odds = -0.2 + sum(rng.normal(0, 0.25, size)[table[name]] for name, size in DIMENSIONS.items())
    return table.assign(won=(rng.random(count) < 1 / (1 + np.exp(-odds))).astype(int))


def cells_of_ten_million(seed: int = 2) -> pd.DataFrame:
    """10,000,000 deals as counts: four crossed columns, 200 reps within the five regions, industry × region."""
    rng = np.random.default_rng(seed)
    grid = np.indices((*LARGE.values(), 40)).reshape(5, -1)
    table = pd.DataFrame(dict(zip([*LARGE, "rep"], grid, strict=True)))
    table["rep"] = table["region"] * 40 + table["rep"]
    odds = -1 + sum(rng.normal(0, 0.3, int(table[name].max()) + 1)[table[name]] for name in table.columns)
    odds = odds + rng.normal(0, 0.15, (10, 5))[table["industry"], table["region"]]
    table["deals"] = rng.multinomial(10_000_000, np.full(len(table), 1 / len(table)))
    table["won"] = rng.binomial(table["deals"], 1 / (1 + np.exp(-odds)))
    names = [*LARGE, "rep"]
    return table.assign(**{name: table[name].astype(str).str.zfill(3) for name in names})


def ours(table: pd.DataFrame, engine: str) -> dict[str, float]:
    """Fit our model to the counts of the cells."""
    import arviz as az

    from whywin.winrates.fitting import fit
    from whywin.winrates.pieces import pieces_of
    from whywin.winrates.priors import Priors
    from whywin.winrates.sampling import Effort

    cells = (
        table.groupby(list(DIMENSIONS))["won"].agg(["size", "sum"]).reset_index().rename(columns={"size": "deals", "sum": "won"})
    )
    cells = cells.astype(dict.fromkeys(DIMENSIONS, str))
    tree = fit(
        pieces_of(cells, list(DIMENSIONS)), Priors(**PRIORS), Effort(DRAWS, TUNE, CHAINS, 0.9), np.random.default_rng(1), engine
    )
    if engine == "laplace":
        return {"effective": tree.attrs["effective"], "k_hat": tree.attrs["khat"]}
    unknown = tree.posterior.to_dataset()[["sd", "intercept"]]
    return {"effective": _least(az.ess(unknown)), "divergent": int(tree.sample_stats["diverging"].sum())}


def pymc_on_rows(table: pd.DataFrame) -> dict[str, float]:
    """Fit the textbook non-centred model to one row a deal with PyMC's defaults."""
    import arviz as az
    import pymc as pm

    with pm.Model():
        intercept = pm.Normal("intercept", PRIORS["centre"], PRIORS["width"])
        odds = intercept
        for name, size in DIMENSIONS.items():
            sd = pm.HalfNormal(f"sd_{name}", PRIORS["spread"])
            odds = odds + (sd * pm.Normal(f"z_{name}", shape=size))[table[name].to_numpy()]
        pm.Bernoulli("won", logit_p=odds, observed=table["won"].to_numpy())
        tree = pm.sample(DRAWS, tune=TUNE, chains=CHAINS, random_seed=1, progressbar=False, nuts_sampler="pymc")
    unknown = tree.posterior.to_dataset()[["intercept", *(f"sd_{name}" for name in DIMENSIONS)]]
    return {"effective": _least(az.ess(unknown)), "divergent": int(tree.sample_stats["diverging"].sum())}


BAMBI = """
import json, sys, time
import arviz as az, bambi as bmb, pandas as pd
table, priors, names, draws, tune, chains = pd.read_csv(sys.argv[1], dtype={n: str for n in json.loads(sys.argv[3])}), *map(json.loads, sys.argv[2:7])
start = time.perf_counter()
spread = bmb.Prior("Normal", mu=0, sigma=bmb.Prior("HalfNormal", sigma=priors["spread"]))
own = {"Intercept": bmb.Prior("Normal", mu=priors["centre"], sigma=priors["width"]), **{f"1|{n}": spread for n in names}}
model = bmb.Model("won ~ 1 + " + " + ".join(f"(1|{n})" for n in names), table, family="bernoulli", priors=own)
tree = model.fit(draws=draws, tune=tune, chains=chains, random_seed=1, progressbar=False)
unknown = tree.posterior.to_dataset()[["Intercept", *(f"1|{n}_sigma" for n in names)]]
found = az.ess(unknown)
effective = float(min(found[v].min() for v in found.data_vars))
print("RESULT", json.dumps({"seconds": time.perf_counter() - start, "effective": effective, "divergent": int(tree.sample_stats["diverging"].sum())}))
"""


def bambi_on_rows(table: pd.DataFrame, peers: Path) -> dict[str, float]:
    """Fit the same model with bambi in an environment of its own."""
    python = peers / "venv" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(peers / "venv")], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "bambi"], check=True)
    path = peers / "deals.csv"
    table.to_csv(path, index=False)
    settings = [json.dumps(value) for value in (PRIORS, list(DIMENSIONS), DRAWS, TUNE, CHAINS)]
    done = subprocess.run([str(python), "-c", BAMBI, str(path), *settings], capture_output=True, text=True, check=True)
    return dict(json.loads(next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))[7:]))


def ten_million() -> dict[str, float]:
    """The fast engine at 10,000,000 deals, from the table of counts to draws."""
    from whywin.winrates.fitting import fit
    from whywin.winrates.pieces import pieces_of
    from whywin.winrates.priors import Priors
    from whywin.winrates.sampling import Effort

    cells = cells_of_ten_million()
    start = time.perf_counter()
    pieces = pieces_of(cells, [*LARGE, "rep"], [("industry", "region")])
    tree = fit(pieces, Priors(-1.0, 1.3, 0.5), Effort(1000, 0, 1, 0.9), np.random.default_rng(1), "laplace")
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "effective": tree.attrs["effective"], "k_hat": tree.attrs["khat"], "cells": len(cells)}


def timed(work: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Return what the work found, and how many seconds it took unless it said so itself."""
    start = time.perf_counter()
    found = work()
    return {"seconds": time.perf_counter() - start, **found}


def _least(found: Any) -> float:
    return float(min(found[name].min() for name in found.data_vars))


def main() -> None:
    """Run everything once and print one row each, with the ratio of time for one effective draw to ours with NUTS."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deals", type=int, default=5000, help="deals of the comparison")
    parser.add_argument("--peers", type=Path, help="folder for the peers' virtual environment")
    given = parser.parse_args()
    table = deals_of(given.deals)
    rows = {
        "whywin, fast engine": timed(lambda: ours(table, "laplace")),
        "whywin, NUTS": timed(lambda: ours(table, "nuts")),
        "PyMC on deal rows": timed(lambda: pymc_on_rows(table)),
    }
    if given.peers:
        given.peers.mkdir(parents=True, exist_ok=True)
        rows["bambi on deal rows"] = timed(lambda: bambi_on_rows(table, given.peers))
    frame = pd.DataFrame(rows).T
    frame["ms_per_draw"] = 1000 * frame["seconds"] / frame["effective"]
    frame["ratio"] = frame["ms_per_draw"] / frame.loc["whywin, NUTS", "ms_per_draw"]
    print(frame.round(2).to_string())
    print("10,000,000 deals, fast engine:", {name: round(value, 2) for name, value in ten_million().items()})


if __name__ == "__main__":
    main()
