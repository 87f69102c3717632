"""What would undo an answer about win rates: each check passes where it should and fails on a planted fault."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from whywin.errors import ConfigError
from whywin.stats.streams import stream
from whywin.winrates.checks.convergence import Convergence
from whywin.winrates.checks.open_deals import OpenDeals
from whywin.winrates.checks.posterior_predictive import PosteriorPredictive
from whywin.winrates.checks.thin_levels import ThinLevels
from whywin.winrates.methods.hierarchical import Hierarchical
from whywin.winrates.methods.observed import Observed
from whywin.winrates.question import WinRates

RNG = stream(0, "check")


def altered(answered: SimpleNamespace, group: str, **changes: object) -> SimpleNamespace:
    """The same answer with some variables of its posterior tree replaced."""
    tree = answered.evidence.posterior.copy()
    tree[group] = xr.DataTree(tree[group].to_dataset().assign(changes))
    return SimpleNamespace(**{**vars(answered), "evidence": replace(answered.evidence, posterior=tree)})


def converged(answer: SimpleNamespace) -> object:
    """What the convergence check says of one answer."""
    (check,) = Convergence().check(WinRates(("region",)), (answer,), None, RNG)
    return check


def test_good_chains_converge(sampled: SimpleNamespace) -> None:
    """The fitted small model passes, and the sentence has its numbers."""
    check = converged(sampled)

    assert (check.passed, check.method) == (True, "hierarchical")
    assert "R-hat at most 1.0" in check.says
    assert check.value < 1.01


def test_chains_in_different_places_are_fatal(sampled: SimpleNamespace) -> None:
    """One chain moved by three standard deviations forbids the answer's use."""
    effect = sampled.evidence.posterior.posterior["effect"]
    moved = effect + 3 * effect.std() * (effect["chain"] == 0)
    check = converged(altered(sampled, "posterior", effect=moved))

    assert (check.passed, check.severity) == (False, "fatal")
    assert "do not use the numbers" in check.says


def test_chains_that_never_moved_are_fatal_and_finite(sampled: SimpleNamespace) -> None:
    """R-hat is not a number then; the check says a large one."""
    stuck = xr.zeros_like(sampled.evidence.posterior.posterior["sd"])
    check = converged(altered(sampled, "posterior", sd=stuck))

    assert (check.passed, check.severity, check.value) == (False, "fatal", 1e6)


@pytest.mark.parametrize(("count", "severity"), [(3, "serious"), (100, "fatal")])
def test_divergences_are_counted(sampled: SimpleNamespace, count: int, severity: str) -> None:
    """A few make the numbers rough; one draw in a hundred and more forbid them."""
    diverging = sampled.evidence.posterior.sample_stats["diverging"]
    flags = np.arange(diverging.size).reshape(diverging.shape) < count
    check = converged(altered(sampled, "sample_stats", diverging=diverging.copy(data=flags)))

    assert (check.passed, check.severity) == (False, severity)
    assert f"{count} of 2,800 draws diverged" in check.says


def test_few_effective_draws_and_poor_energy_are_told(sampled: SimpleNamespace) -> None:
    """Both are named in the one sentence, each with what is needed."""
    energy = sampled.evidence.posterior.sample_stats["energy"]
    wandering = energy.copy(data=np.cumsum(np.random.default_rng(0).normal(size=energy.shape), axis=1))
    answer = altered(sampled, "sample_stats", energy=wandering)
    (check,) = Convergence(least_ess=1e5).check(WinRates(("region",)), (answer,), None, RNG)

    assert (check.passed, check.severity) == (False, "serious")
    assert "effective draws (100000 needed)" in check.says
    assert "E-BFMI falls to 0.0" in check.says


@pytest.mark.parametrize(("khat", "passed", "severity"), [(0.2, True, "serious"), (0.6, False, "serious"), (0.9, False, "fatal")])
def test_the_fast_engine_is_judged_by_its_k_hat(answered: SimpleNamespace, khat: float, passed: bool, severity: str) -> None:
    """Below one half its draws are trusted; from .7 on they say nothing; the sentence says what to do."""
    tree = answered.evidence.posterior.copy()
    tree.attrs.update(khat=khat, effective=900.0, candidates=5000)
    check = converged(SimpleNamespace(**{**vars(answered), "evidence": replace(answered.evidence, posterior=tree)}))

    assert (check.passed, check.severity, check.value) == (passed, severity, khat)
    assert f"k-hat {khat:.2f} (0.5 allowed), 900 effective draws of 5,000" in check.says
    assert ("set engine: auto" in check.says) is not passed


def test_ratios_that_are_nearly_equal_are_trusted(answered: SimpleNamespace) -> None:
    """Where 96 of 100 draws count, no tail of the ratios can matter, whatever shape k-hat finds in it."""
    tree = answered.evidence.posterior.copy()
    tree.attrs.update(khat=0.9, effective=4800.0, candidates=5000)

    assert converged(SimpleNamespace(**{**vars(answered), "evidence": replace(answered.evidence, posterior=tree)})).passed


def test_answers_without_draws_are_not_judged(answered: SimpleNamespace, question: WinRates) -> None:
    """The observed rates have no chains and no model: neither check speaks about them."""
    plain = SimpleNamespace(
        label="observed", method=Observed(), sample=answered.sample, evidence=Observed().answer(question, answered.sample, RNG)
    )

    assert Convergence().check(question, (plain,), None, RNG) == ()
    assert PosteriorPredictive().check(question, (plain,), None, RNG) == ()


def test_a_model_that_fits_reproduces_its_deals(answered: SimpleNamespace, question: WinRates) -> None:
    """Made-up tables are about as far off as the real one; with every pair crossed there is no second check."""
    (check,) = PosteriorPredictive().check(question, (answered,), None, stream(0, "predictive"))

    assert (check.passed, check.severity) == (True, "serious")
    assert 0.05 < check.value <= 1


def test_rates_that_the_model_does_not_know_fail(answered: SimpleNamespace, question: WinRates) -> None:
    """Deals of West with their outcomes turned round are not what the model says."""
    turned = answered.sample.assign(won=lambda x: x["won"].where(x["region"] != "West", x["deals"] - x["won"]))
    answer = altered(answered, "observed_data", won=("cell", turned["won"].to_numpy()))
    (check,) = PosteriorPredictive().check(question, (answer,), None, stream(0, "predictive"))

    assert not check.passed
    assert "region" in check.says


def test_a_missing_crossing_is_a_note() -> None:
    """Where two products win in opposite regions, the sum of the parts does not do: the pair is named, but nothing is undone."""
    rows = [("n", "x", 400, 320), ("n", "y", 400, 80), ("s", "x", 400, 80), ("s", "y", 400, 320)]
    cells = pd.DataFrame(rows, columns=["region", "product", "deals", "won"])
    question = WinRates(("region", "product"))
    evidence = Hierarchical(draws=200, tune=300, chains=2).answer(question, cells, stream(1, "hierarchical"))
    answer = SimpleNamespace(label="hierarchical", sample=cells, evidence=evidence)
    single, pair = PosteriorPredictive().check(question, (answer,), None, stream(0, "predictive"))

    assert single.passed
    assert (pair.passed, pair.severity) == (False, "note")
    assert "region × product" in pair.says


@pytest.mark.parametrize(("least", "passed", "words"), [(30, True, "smallest"), (400, False, "fewer than 400 closed deals")])
def test_thin_levels_are_counted(deals: pd.DataFrame, question: WinRates, least: int, passed: bool, words: str) -> None:
    """Levels with few closed deals are named with their number, as a note about the deals."""
    check = ThinLevels(least_deals=least)
    (found,) = check.check(question, (), check.need(question).sample(deals), RNG)

    assert (found.passed, found.severity, found.method) == (passed, "note", "")
    assert words in found.says


def test_many_thin_levels_are_not_all_named(deals: pd.DataFrame, question: WinRates) -> None:
    """Three are named, the others counted."""
    check = ThinLevels(least_deals=5000)
    (found,) = check.check(question, (), check.need(question).sample(deals), RNG)

    assert "and 4 more" in found.says
    assert ThinLevels().check(question, (), None, RNG) == ()


def open_deals(deals: pd.DataFrame, question: WinRates, **settings: float) -> object:
    """What the check of open deals finds."""
    check = OpenDeals(**settings)
    (found,) = check.check(question, (), check.need(question).sample(deals), RNG)
    return found


def test_few_open_deals_pass(deals: pd.DataFrame, question: WinRates) -> None:
    """About 3 % of the second quarter's deals are open: too few to matter."""
    found = open_deals(deals, question)

    assert found.passed
    assert 0 < found.value < 5
    assert "created in 2024Q2" in found.says


def test_many_open_deals_make_a_comparison_serious(deals: pd.DataFrame, question: WinRates) -> None:
    """With half of the current quarter open the comparison is not to be trusted; without a comparison it is a note."""
    young = deals["created"] > pd.Timestamp("2024-05-15")
    half = deals.assign(won=deals["won"].mask(young))
    plain = WinRates(("region",), time="created")

    assert (open_deals(half, question).passed, open_deals(half, question).severity) == (False, "serious")
    assert (open_deals(half, plain).passed, open_deals(half, plain).severity) == (False, "note")
    assert "not accounted for" in open_deals(half, question).says


def test_by_closing_date_the_whole_table_is_looked_at(deals: pd.DataFrame) -> None:
    """A period of closing holds no open deal, so the share among all is told."""
    found = open_deals(deals, WinRates(("region",), time="closed", grain="month"), most_percent=1.0)

    assert found.value == pytest.approx(100 * 40 / 1200)
    assert "40 of the 1,200 deals in the table" in found.says


def test_without_time_there_are_no_cohorts(deals: pd.DataFrame) -> None:
    """The check needs nothing and says nothing."""
    question = WinRates(("region",))

    assert OpenDeals().need(question) is None
    assert OpenDeals().check(question, (), None, RNG) == ()


@pytest.mark.parametrize("bad", [lambda: Convergence(most_rhat=1.0), lambda: PosteriorPredictive(least=0), lambda: ThinLevels(0)])
def test_settings_of_checks_are_held_to_their_bounds(bad: object) -> None:
    """A threshold that can never or always fail is refused."""
    with pytest.raises(ConfigError):
        bad()
