"""Matching with an honest interval against DoWhy's matching: the same deals, in one run, each in a process of its own; not a test.

    python benchmarks/effects.py                 all of it: about two minutes on a quiet machine
    python benchmarks/effects.py --deals 100000  with fewer deals in the large comparison

Seconds are the least of three processes, each with linear algebra on one core; they leave out importing and making the deals. Megabytes
are the most that the process ever held, with Python, its packages and the deals. What takes DoWhy minutes is run fewer times and scaled
up, and the row says from how many.
"""

import argparse
import json
import logging
import os
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

COVARIATES = tuple(f"x{number}" for number in range(10))
RESAMPLES = 399  # of DoWhy's bootstrap interval
REFITS = 100
CORES = 4
REPEATS = 3


def deals_of(count: int, seed: int = 0) -> pd.DataFrame:
    """Closed deals with ten confounders, about three in ten of them treated by choice."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(count, len(COVARIATES)))
    treated = rng.uniform(size=count) < 1 / (1 + np.exp(1 - matrix @ np.full(len(COVARIATES), 0.3)))
    won = rng.uniform(size=count) < 1 / (1 + np.exp(0.4 - 0.2 * matrix[:, :5].sum(axis=1) - 0.5 * treated))
    return pd.DataFrame(matrix, columns=list(COVARIATES)).assign(called=treated.astype(int), won=won.astype(float))


def ours_interval(count: int) -> dict[str, float]:
    """From a table of deals to the effect on the treated with its Abadie-Imbens interval of 2016."""
    from whywin.effects.comparison import compared
    from whywin.effects.inference import interval
    from whywin.effects.methods.matching import Matching
    from whywin.effects.question import Effect
    from whywin.stats.matching import match
    from whywin.stats.neighbours import on_line
    from whywin.stats.propensity import propensity

    question = Effect("called", COVARIATES)
    sample = Matching().need(question).sample(deals_of(count))

    def work() -> float:
        comparison = compared(question, sample)
        score = propensity(comparison.covariates.matrix, comparison.treated)
        found = match(on_line(score.linear), comparison.treated, comparison.outcome, everyone=False, score=score)
        return sum(interval(question, comparison, found.effect, found.variance)) / 2

    return timed(work)


def ours_whole(count: int) -> dict[str, float]:
    """The same through the method, with its tables of balance, overlap, groups and outcomes."""
    from whywin.effects.methods.matching import Matching
    from whywin.effects.question import Effect

    question, method = Effect("called", COVARIATES), Matching()
    sample = method.need(question).sample(deals_of(count))
    return timed(lambda: method.answer(question, sample, np.random.default_rng(0)).estimates[0].value / 100)


def dowhy_point(count: int) -> dict[str, float]:
    """DoWhy's effect on the treated by propensity matching, without an interval."""
    model, target = dowhy_model(deals_of(count))
    return timed(lambda: dowhy_estimate(model, target).value)


def dowhy_interval(count: int, resamples: int = 20) -> dict[str, float]:
    """DoWhy's bootstrap interval (invalid for matching), from fewer resamples and scaled to its 399."""
    model, target = dowhy_model(deals_of(count))
    given = {"confidence_intervals": True, "method_params": {"num_simulations": resamples}}

    def work() -> float:
        return float(np.mean(dowhy_estimate(model, target, **given).get_confidence_intervals()))

    found = timed(work)
    return {
        **found,
        "seconds": found["seconds"] * RESAMPLES / resamples,
        "of cores": found["of cores"] * RESAMPLES / resamples,
        "scaled from": resamples,
    }


def ours_placebo(count: int) -> dict[str, float]:
    """A hundred refits of propensity and matches to treatment dealt out anew, on four threads."""
    from concurrent.futures import ThreadPoolExecutor

    from whywin.effects.methods.matching import Matching
    from whywin.effects.question import Effect

    question, method = Effect("called", COVARIATES), Matching()
    sample = method.need(question).sample(deals_of(count))
    treated = sample["called"].to_numpy(float)

    def work() -> float:
        refit = method.refitter(question, sample)
        dealt = (np.random.default_rng(seed).permutation(treated) for seed in range(REFITS))
        with ThreadPoolExecutor(CORES) as pool:
            return float(np.mean(list(pool.map(refit, dealt)))) / 100

    return timed(work)


def dowhy_placebo(count: int, refits: int = 20) -> dict[str, float]:
    """DoWhy's placebo refuter, from fewer refits and scaled to a hundred."""
    model, target = dowhy_model(deals_of(count))
    found = dowhy_estimate(model, target)

    def work() -> float:
        given = {"placebo_type": "permute", "num_simulations": refits, "random_seed": 1}
        return float(model.refute_estimate(target, found, "placebo_treatment_refuter", **given).new_effect)

    row = timed(work)
    return {
        **row,
        "seconds": row["seconds"] * REFITS / refits,
        "of cores": row["of cores"] * REFITS / refits,
        "scaled from": refits,
    }


def dowhy_model(deals: pd.DataFrame) -> tuple[Any, Any]:
    """The identified model of DoWhy."""
    from dowhy import CausalModel

    model = CausalModel(deals, "called", "won", common_causes=list(COVARIATES))
    return model, model.identify_effect(proceed_when_unidentifiable=True)


def dowhy_estimate(model: Any, target: Any, **given: Any) -> Any:
    """DoWhy's estimate by propensity matching: once a model, since a second would reuse the first one's propensity."""
    return model.estimate_effect(target, method_name="backdoor.propensity_score_matching", target_units="att", **given)


def timed(work: Callable[[], float]) -> dict[str, float]:
    """Return how many seconds it took, by the clock and of all cores, the most megabytes that the process held, and what was found."""
    start, used = time.perf_counter(), time.process_time()
    found = work()
    seconds, used = time.perf_counter() - start, time.process_time() - used
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "of cores": used, "megabytes": held, "found": float(found)}


TASKS: dict[str, Callable[[int], dict[str, float]]] = {
    task.__name__: task for task in (ours_interval, ours_whole, dowhy_point, dowhy_interval, ours_placebo, dowhy_placebo)
}
COMPARED = (
    ("point and interval, against DoWhy's point alone", None, ("ours_interval", "ours_whole", "dowhy_point")),
    (
        "point and interval, against DoWhy's bootstrap of 399",
        10_000,
        ("ours_interval", "ours_whole", "dowhy_interval"),
    ),
    ("a hundred placebo refits on four threads", 10_000, ("ours_placebo", "dowhy_placebo")),
    ("a hundred placebo refits on four threads", 100_000, ("ours_placebo", "dowhy_placebo")),
)


def alone(task: str, count: int) -> dict[str, float]:
    """Run one task three times, each in a process of its own; return the fastest."""
    command = [sys.executable, __file__, "--task", task, "--deals", str(count)]
    single = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = [subprocess.run(command, capture_output=True, text=True, check=True, env=single) for _ in range(REPEATS)]
    return min((dict(json.loads(one.stdout.splitlines()[-1])) for one in done), key=lambda row: row["seconds"])


def main() -> None:
    """Print one table for each comparison, with the ratio of time to ours."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deals", type=int, default=1_000_000, help="deals of the large comparison")
    parser.add_argument("--task", choices=TASKS, help="one task alone, as a line of JSON")
    given = parser.parse_args()
    if given.task:
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        print(json.dumps(TASKS[given.task](given.deals)))
        return
    for title, fixed, tasks in COMPARED:
        count = fixed or given.deals
        frame = pd.DataFrame({task: alone(task, count) for task in tasks}).T
        frame["ratio"] = frame["seconds"] / frame["seconds"].iloc[0]
        print(f"{count:,} deals: {title}\n{frame.round(3).to_string()}\n", flush=True)


if __name__ == "__main__":
    main()
