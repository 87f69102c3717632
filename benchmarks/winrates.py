"""The win-rate model against PyMC, bambi and numpyro on deal rows: the same data and priors, in one run; not a test.

    python benchmarks/winrates.py                    ours and PyMC: some minutes
    python benchmarks/winrates.py --peers DIRECTORY  also bambi and numpyro, from the environments that .ci/peers made there
    python benchmarks/winrates.py --quick            few deals and a short limit

Effective draws are the least bulk effective size over the standard deviations and the company's log odds (numpyro's: its own estimate);
times include compiling. A side that is stopped at one number of deals is not tried at a larger one. Ours goes on from counts of the same
cells to 10,000,000 deals, and once more with 48,000 cells.
"""

import argparse
import json
import logging
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sides import of_peer, ran, row, told

DIMENSIONS = {"industry": 5, "region": 4, "product": 3, "lead_source": 4, "rep": 25}
LARGE = {"industry": 10, "region": 5, "product": 4, "lead_source": 6}
PRIORS = {"centre": 0.0, "width": 1.0, "spread": 0.4}
DRAWS, TUNE, CHAINS = 1000, 1000, 4
SIZES = (2_000, 5_000, 10_000, 100_000)
GROWTH = (10_000, 100_000, 1_000_000, 10_000_000)
ROWS, COUNTS, LARGEST = "win-rate model on deals", "win-rate model from counts", "win-rate model, 48,000 cells"


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


def counted(table: pd.DataFrame) -> pd.DataFrame:
    """Return deals as counts of their cells."""
    cells = table.groupby(list(DIMENSIONS))["won"].agg(["size", "sum"]).reset_index()
    return cells.rename(columns={"size": "deals", "sum": "won"}).astype(dict.fromkeys(DIMENSIONS, str))


def counts_of(count: int, seed: int = 1) -> pd.DataFrame:
    """As many deals as counts of the same 6,000 cells: at ten million, rows would be what is measured."""
    rng = np.random.default_rng(seed)
    grid = np.indices(tuple(DIMENSIONS.values())).reshape(len(DIMENSIONS), -1)
    table = pd.DataFrame(dict(zip(DIMENSIONS, grid, strict=True)))
    odds = -0.2 + sum(rng.normal(0, 0.25, size)[table[name]] for name, size in DIMENSIONS.items())
    table["deals"] = rng.multinomial(count, np.full(len(table), 1 / len(table)))
    table["won"] = rng.binomial(table["deals"], 1 / (1 + np.exp(-odds)))
    return table[table["deals"] > 0].reset_index(drop=True).astype(dict.fromkeys(DIMENSIONS, str))


def ours(table: pd.DataFrame, engine: str) -> dict[str, float]:
    """Fit our model to the counts of the cells."""
    import arviz as az

    from whywin.winrates.fitting import fit
    from whywin.winrates.pieces import pieces_of
    from whywin.winrates.priors import Priors
    from whywin.winrates.sampling import Effort

    cells = table if "deals" in table else counted(table)
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

NUMPYRO = """
import json, os, sys, time
import numpyro
numpyro.set_host_device_count(int(sys.argv[6]))
import jax, jax.numpy as jnp, numpy as np, pandas as pd, numpyro.distributions as dist
from numpyro.diagnostics import effective_sample_size
from numpyro.infer import MCMC, NUTS
table, priors, names, draws, tune, chains = pd.read_csv(sys.argv[1]), *map(json.loads, sys.argv[2:7])
start, used = time.perf_counter(), time.process_time()
sizes = {name: int(table[name].max()) + 1 for name in names}
def model(places, won):
    odds = numpyro.sample("intercept", dist.Normal(priors["centre"], priors["width"]))
    for name in names:
        sd = numpyro.sample("sd_" + name, dist.HalfNormal(priors["spread"]))
        with numpyro.plate("level_" + name, sizes[name]):
            z = numpyro.sample("z_" + name, dist.Normal(0, 1))
        odds = odds + (sd * z)[places[name]]
    numpyro.sample("won", dist.Bernoulli(logits=odds), obs=won)
mcmc = MCMC(NUTS(model), num_warmup=tune, num_samples=draws, num_chains=chains, progress_bar=False)
places = {name: jnp.array(table[name].to_numpy()) for name in names}
mcmc.run(jax.random.PRNGKey(1), places, jnp.array(table["won"].to_numpy()), extra_fields=("diverging",))
found = mcmc.get_samples(group_by_chain=True)
effective = min(float(effective_sample_size(np.asarray(found[v]))) for v in ["intercept", *("sd_" + name for name in names)])
print("RESULT", json.dumps({"seconds": time.perf_counter() - start, "of cores": time.process_time() - used, "effective": effective,
                            "divergent": int(mcmc.get_extra_fields()["diverging"].sum())}))
"""


def ten_million() -> dict[str, float]:
    """The fast engine at 10,000,000 deals in 48,000 cells, from the table of counts to draws."""
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
    """Return what the work found, and how many seconds it took, by the clock and of this process, unless it said so itself."""
    start, used = time.perf_counter(), time.process_time()
    found = work()
    return {"seconds": time.perf_counter() - start, "of cores": time.process_time() - used, **found}


def _least(found: Any) -> float:
    return float(min(found[name].min() for name in found.data_vars))


WAYS: dict[str, Callable[[int], dict[str, float]]] = {
    "whywin, fast engine": lambda count: ours(deals_of(count), "laplace"),
    "whywin, NUTS": lambda count: ours(deals_of(count), "nuts"),
    "PyMC on deal rows": lambda count: pymc_on_rows(deals_of(count)),
    COUNTS: lambda count: ours(counts_of(count), "laplace"),
    LARGEST: lambda _: ten_million(),
}


def compared(sizes: list[int], peers: Path | None, limit: float) -> list[dict[str, Any]]:
    """Return a row for each side and number of deals."""
    rows: list[dict[str, Any]] = []
    stopped: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "deals.csv"
        for deals in sizes:
            deals_of(deals).to_csv(path, index=False)
            words = [path, *(json.dumps(value) for value in (PRIORS, list(DIMENSIONS), DRAWS, TUNE, CHAINS))]
            sides: dict[str, Callable[[], dict[str, Any]]] = {way: partial(alone, way, deals, limit) for way in list(WAYS)[:3]}
            sides["bambi on deal rows"] = partial(of_peer, peers, "bambi", BAMBI, *words, limit=limit)
            sides["numpyro on deal rows"] = partial(of_peer, peers, "numpyro", NUMPYRO, *words, limit=limit)
            for way, side in sides.items():
                found = {"says": "stopped at fewer deals"} if way in stopped else side()
                if "says" in found:
                    stopped.add(way)
                else:
                    found["ms a draw"] = 1000 * found["seconds"] / found["effective"]
                rows.append(row(ROWS, way, deals, found))
    return rows


def alone(way: str, deals: int, limit: float) -> dict[str, Any]:
    """Run one way in a process of its own."""
    return ran([sys.executable, __file__, "--one", way, "--deals", deals], limit)


def main() -> None:
    """Print a row for each side, or, as a process of one side, its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deals", type=int, nargs="*", help=f"deals of the comparison, {SIZES}")
    parser.add_argument("--peers", type=Path, help="folder of the peers' environments, made by .ci/peers")
    parser.add_argument("--limit", type=float, help="seconds after which a side is stopped, 180")
    parser.add_argument("--quick", action="store_true", help="few deals and a limit of 40 seconds")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        if given.one in {COUNTS, LARGEST}:
            WAYS[given.one](1000)  # compiling the kernels, once a machine, is not what grows with deals
        print("RESULT", json.dumps(timed(lambda: WAYS[given.one](given.deals[0]))))
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    limit = given.limit or (40.0 if given.quick else 180.0)
    rows = compared(given.deals or [SIZES[0]] if given.quick else given.deals or list(SIZES), given.peers, limit)
    rows += [row(COUNTS, "whywin, fast engine", size, alone(COUNTS, size, limit)) for size in GROWTH]
    rows.append(row(LARGEST, "whywin, fast engine", GROWTH[-1], alone(LARGEST, GROWTH[-1], limit)))
    told(rows, given.json)


if __name__ == "__main__":
    main()
