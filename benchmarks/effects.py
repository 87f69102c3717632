"""Matching, weighting and doubly robust estimates against DoWhy, EconML, causalml and DoubleML: the same deals, in one run; not a test.

    python benchmarks/effects.py                    all of it: some minutes on a quiet machine
    python benchmarks/effects.py --peers DIRECTORY  also causalml and DoubleML, from the environments that .ci/peers made there
    python benchmarks/effects.py --deals 100000     with fewer deals in the large comparison
    python benchmarks/effects.py --quick            with fewer deals everywhere, each side once

Seconds are the least of three processes (of one where it takes long), each with linear algebra on one core; they leave out importing
and making the deals. Megabytes are the most that the process ever held, with Python, its packages and the deals. What takes DoWhy
minutes is run fewer times and scaled up, and the row says from how many.
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
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from effect_peers import PEERS
from sides import apart, of_peer, ran, row, told

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


def written(count: int, path: Path) -> None:
    """Write deals for a peer."""
    deals_of(count).to_parquet(path, index=False)


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


def ours_weighting(count: int) -> dict[str, float]:
    """The effect on everyone by weighting, with its interval and its tables."""
    from whywin.effects.methods.weighting import Weighting

    return ours_by(Weighting(), count)


def ours_doubly_robust(count: int) -> dict[str, float]:
    """The effect on everyone by cross-fitted AIPW with linear learners, five folds, split once, with its interval and tables."""
    from whywin.effects.methods.doubly_robust import DoublyRobust

    return ours_by(DoublyRobust(learners=("linear",), splits=1), count)


def ours_doubly_robust_whole(count: int) -> dict[str, float]:
    """The same by the default: linear, quadratic and boosted learners, split three times."""
    from whywin.effects.methods.doubly_robust import DoublyRobust

    return ours_by(DoublyRobust(), count)


def ours_by(method: Any, count: int) -> dict[str, float]:
    """The effect on everyone by a method of ours."""
    from whywin.effects.question import Effect

    question = Effect("called", COVARIATES, estimand="all")
    sample = method.need(question).sample(deals_of(count))
    return timed(lambda: method.answer(question, sample, np.random.default_rng(0)).estimates[0].value / 100)


def dowhy_weighting(count: int) -> dict[str, float]:
    """DoWhy's effect on everyone by weighting, without an interval."""
    model, target = dowhy_model(deals_of(count))
    given = {"method_name": "backdoor.propensity_score_weighting", "target_units": "ate"}
    return timed(lambda: model.estimate_effect(target, **given).value)


def econml_doubly_robust(count: int) -> dict[str, float]:
    """EconML's doubly robust learner with a linear last stage, linear learners and five folds, with its interval."""
    from econml.dr import LinearDRLearner
    from sklearn.linear_model import LinearRegression, LogisticRegression

    deals = deals_of(count)

    def work() -> float:
        learner = LinearDRLearner(
            model_propensity=LogisticRegression(), model_regression=LinearRegression(), cv=5, random_state=0
        )
        learner.fit(deals["won"], deals["called"], X=None, W=deals[list(COVARIATES)])
        return float(np.mean(learner.ate_interval()))

    return timed(work)


def timed(work: Callable[[], float]) -> dict[str, float]:
    """Return how many seconds it took, by the clock and of all cores, and what was found."""
    start, used = time.perf_counter(), time.process_time()
    found = work()
    seconds, used = time.perf_counter() - start, time.process_time() - used
    return {"seconds": seconds, "of cores": used, "found": float(found)}


TASKS: dict[str, Callable[[int], dict[str, float]]] = {
    task.__name__: task
    for task in (
        ours_interval, ours_whole, dowhy_point, dowhy_interval, ours_placebo, dowhy_placebo, ours_weighting, dowhy_weighting,
        ours_doubly_robust, ours_doubly_robust_whole, econml_doubly_robust,
    )
}  # fmt: skip
COMPARED = (
    (
        "matching with interval, against points",
        (10_000, 100_000, None),
        ("ours_interval", "ours_whole", "dowhy_point", "causalml"),
    ),
    ("matching with interval, against a bootstrap of 399", (10_000,), ("ours_interval", "ours_whole", "dowhy_interval")),
    ("refuters: a hundred placebo refits", (10_000, 100_000), ("ours_placebo", "dowhy_placebo")),
    ("weighting", (100_000,), ("ours_weighting", "dowhy_weighting")),
    (
        "doubly robust",
        (100_000,),
        ("ours_doubly_robust", "econml_doubly_robust", "doubleml"),
    ),
    ("doubly robust with boosting, split three times", (10_000,), ("ours_doubly_robust_whole",)),
)
QUICK = 20_000  # deals at most
LIMIT = 120.0  # seconds after which a peer is stopped
LONG = 20.0  # seconds of what is run once


def alone(task: str, count: int, repeats: int, peers: Path | None) -> dict[str, Any]:
    """Run one task some times, each in a process of its own; return the fastest."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "deals.parquet"
        if task in PEERS:
            apart(written, count, path)
        command = [sys.executable, __file__, "--task", task, "--deals", count]
        done = []
        for _ in range(repeats):
            done.append(of_peer(peers, task, PEERS[task], path, limit=LIMIT) if task in PEERS else ran(command))
            if "says" in done[-1]:
                return done[-1]
            if done[-1]["seconds"] > LONG:
                break
    return min(done, key=lambda found: float(found["seconds"]))


def main() -> None:
    """Print one table for each comparison, with the ratio of time to ours."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deals", type=int, default=1_000_000, help="deals of the large comparison")
    parser.add_argument("--peers", type=Path, help="folder of the peers' environments, made by .ci/peers")
    parser.add_argument("--quick", action="store_true", help=f"at most {QUICK:,} deals, each side once")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    parser.add_argument("--task", choices=TASKS, help="one task alone, as a line of JSON")
    given = parser.parse_args()
    if given.task:
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        print("RESULT", json.dumps(TASKS[given.task](given.deals)))
        return
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    repeats, most = (1, QUICK) if given.quick else (REPEATS, given.deals)
    rows = [
        row(title, task, count, alone(task, count, repeats, given.peers))
        for title, sizes, tasks in COMPARED
        for count in dict.fromkeys(min(size or given.deals, most) for size in sizes)
        for task in tasks
    ]
    told(rows, given.json)


if __name__ == "__main__":
    main()
