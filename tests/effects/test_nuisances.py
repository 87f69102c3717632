"""The learners: each learns what it is for, out of sample, and is not spoilt by odd columns."""

import os
import subprocess
import sys

import numpy as np
import pytest

from whywin.effects.nuisances import LEARNERS, dealt, learned, nuisances_table

EVERY = np.ones(1200, dtype=bool)


def made(kind: str, *, binary: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Covariates, a target of a kind, and what it is on average."""
    rng = np.random.default_rng(7)
    matrix = rng.normal(size=(1200, 3))
    first, second, _ = matrix.T
    mean = {"line": first, "curve": 0.8 * (first**2 - 1) + 0.8 * first * second, "step": 3.0 * (first * second > 0.3)}[kind]
    chance = 1 / (1 + np.exp(-mean))
    return (
        (matrix, (rng.uniform(size=1200) < chance).astype(float), chance)
        if binary
        else (matrix, mean + rng.normal(size=1200), mean)
    )


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize(("kind", "best"), [("line", "linear"), ("curve", "quadratic"), ("step", "boosting")])
def test_each_learner_is_best_at_its_own(kind: str, best: str, binary: bool) -> None:
    """The line is learnt best by the linear, the curve by the quadratic and the step by boosting; the mixture is as good as the best."""
    matrix, target, truth = made(kind, binary=binary)
    fold = dealt(target > target.mean(), None, 5, np.random.default_rng(0))
    found = learned(matrix, target, fold, LEARNERS, EVERY)
    errors = ((found.by_learner - truth[:, None]) ** 2).mean(axis=0)

    assert LEARNERS[int(errors.argmin())] == best
    assert LEARNERS[int(found.shares.argmax())] == best
    assert ((found.value - truth) ** 2).mean() < 1.2 * errors.min()


def test_a_deal_is_predicted_by_models_that_never_saw_it() -> None:
    """Turning one deal's target moves every other fold's predictions, and none of its own fold's."""
    matrix, target, _ = made("line", binary=True)
    fold = np.arange(1200) % 4
    turned = target.copy()
    turned[0] = 1 - turned[0]
    plain, other = (learned(matrix, values, fold, LEARNERS, EVERY).by_learner for values in (target, turned))

    assert (plain[fold == 0] == other[fold == 0]).all()
    assert (plain[fold != 0] != other[fold != 0]).any()


def test_only_the_rows_asked_for_are_learnt_from() -> None:
    """Targets of other rows may be anything; their predictions are made all the same."""
    matrix, target, _ = made("line", binary=True)
    rows, fold = np.arange(1200) % 3 > 0, np.arange(1200) % 5
    spoilt = np.where(rows, target, 77.0)

    assert (learned(matrix, target, fold, LEARNERS, rows).value == learned(matrix, spoilt, fold, LEARNERS, rows).value).all()


def test_odd_columns_do_no_harm() -> None:
    """A constant column, a copy and none at all leave predictions finite, and without columns the mean is predicted."""
    matrix, target, _ = made("curve", binary=True)
    fold = np.arange(1200) % 5
    odd = np.column_stack([matrix, matrix[:, 0], np.full(1200, 3.0)])

    assert np.isfinite(learned(odd, target, fold, LEARNERS, EVERY).value).all()
    assert learned(np.empty((1200, 0)), target, fold, LEARNERS, EVERY).value == pytest.approx(
        np.full(1200, target.mean()), abs=0.02
    )


def test_a_part_without_variation_predicts_its_mean() -> None:
    """Where all known targets are alike, or hardly any is known, nothing is fitted."""
    matrix, target, _ = made("line", binary=True)
    fold, few = np.arange(1200) % 5, np.arange(1200) < 12

    assert learned(matrix, np.zeros(1200), fold, LEARNERS, EVERY).value.max() < 0.01
    assert np.isfinite(learned(matrix, target, fold, LEARNERS, few).value).all()


def test_the_table_has_a_row_a_nuisance_and_learner() -> None:
    """Shares and losses are averages over the splits."""
    matrix, target, _ = made("line", binary=True)
    splits = [
        learned(matrix, target, dealt(target == 1, None, 5, np.random.default_rng(seed)), ("linear", "quadratic"), EVERY)
        for seed in (0, 1)
    ]
    table = nuisances_table(("linear", "quadratic"), {"treatment": splits})

    assert table["learner"].tolist() == ["linear", "quadratic"]
    assert table["share"].sum() == pytest.approx(1)
    assert table["loss"][0] == pytest.approx(np.mean([one.losses[0] for one in splits]))


FIRST_OF_A_PROCESS = """
import numpy as np
from threadpoolctl import threadpool_info
from whywin.effects import nuisances

found, grown = [], nuisances._boosted

def watched(*given, **settings):
    found.extend(one["num_threads"] for one in threadpool_info() if one["user_api"] == "openmp")
    return grown(*given, **settings)

nuisances._boosted = watched
rng = np.random.default_rng(0)
matrix, target = rng.normal(size=(300, 2)), rng.integers(2, size=300).astype(float)
nuisances.learned(matrix, target, np.arange(300) % 2, ["boosting"], np.ones(300, dtype=bool))
print(sorted(set(found)))
"""


def test_the_first_trees_of_a_process_grow_on_one_core() -> None:
    """Threads that wait for one another on a busy machine made a fit of five seconds take five minutes."""
    several = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run([sys.executable, "-c", FIRST_OF_A_PROCESS], capture_output=True, text=True, check=True, env=several)

    assert done.stdout.strip() == "[1]"
