"""What rests on the prior is told; the company's rate and change resting on it is serious."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from whywin.stats.streams import stream
from whywin.winrates.checks.prior_sensitivity import PriorSensitivity, log_likelihood, log_prior, sensitivities
from whywin.winrates.fitting import fit
from whywin.winrates.methods.hierarchical import Hierarchical
from whywin.winrates.pieces import pieces_of
from whywin.winrates.priors import Priors
from whywin.winrates.question import WinRates
from whywin.winrates.sampling import Effort


@dataclass(frozen=True)
class Stubborn(Hierarchical):
    """A method that is sure of a company rate far above the real one."""

    def priors(self, rate: float) -> Priors:
        """Three logits too high, with a narrow width."""
        usual = super().priors(rate)
        return replace(usual, centre=usual.centre + 3, width=0.3)


def answer(cells: pd.DataFrame, question: WinRates, method: Hierarchical) -> SimpleNamespace:
    """An answer as a check is given it."""
    evidence = method.answer(question, cells, stream(1, "hierarchical"))
    return SimpleNamespace(label="hierarchical", method=method, sample=cells, evidence=evidence)


def many(levels: int, deals: int, spread: float) -> pd.DataFrame:
    """Cells of one dimension whose levels differ by a standard deviation of `spread` logits."""
    rng = np.random.default_rng(5)
    rate = 1 / (1 + np.exp(-rng.normal(-0.3, spread, levels)))
    return pd.DataFrame({"region": [f"r{i:02d}" for i in range(levels)], "deals": deals, "won": rng.binomial(deals, rate)})


def judged(cells: pd.DataFrame, method: Hierarchical) -> object:
    """What the check says of an answer by region."""
    question = WinRates(("region",))
    (check,) = PriorSensitivity().check(question, (answer(cells, question, method),), None, stream(0, "prior"))
    return check


FAST = Hierarchical(engine="laplace", draws=500)


def test_scaling_the_prior_is_fitting_with_the_scaled_prior() -> None:
    """Draws reweighted by the prior density have the mean of a fit whose prior is squared: a half-normal of a scale less by root two."""
    cells = many(5, 40, 1.0)
    pieces = pieces_of(cells, ["region"])
    wide = Priors(0.0, 50.0, 0.3)
    narrow = replace(wide, spread=0.3 / np.sqrt(2))
    one, two = (fit(pieces, prior, Effort(4000, 800, 2, 0.95), np.random.default_rng(1), "laplace") for prior in (wide, narrow))
    log_weight = log_prior(one, wide, pieces.share)
    weight = np.exp(log_weight - log_weight.max())
    before, after = (tree.posterior["sd"].to_numpy().reshape(-1) for tree in (one, two))

    assert np.average(before, weights=weight) == pytest.approx(after.mean(), abs=0.008)
    assert before.mean() - after.mean() > 0.03


@pytest.mark.parametrize("off", [-0.4, 0.1, 1.5])
def test_the_companys_prior_is_found_behind_what_levels_share(off: float) -> None:
    """To first order of the power, scaling the normal prior of one part of the intercept is what the integral over that part says."""
    from scipy.integrate import quad
    from scipy.stats import norm

    prior, deviation, share = Priors(0.2, 0.5, 1.0), 0.8, 0.25
    unknown = {"intercept": np.array([[0.2 + off, 0.2]]), "sd": np.full((1, 2, 1), deviation)}

    def scaled(x: float, power: float) -> float:
        return quad(lambda a: norm.pdf(a, 0, 0.5) ** power * norm.pdf(x - a, 0, deviation * share**0.5), -9, 9, epsabs=1e-12)[0]

    def slope(x: float) -> float:
        return float(np.log(scaled(x, 1.001)) - np.log(scaled(x, 0.999))) / 0.002

    mine = log_prior(
        SimpleNamespace(posterior={k: SimpleNamespace(to_numpy=lambda v=v: v) for k, v in unknown.items()}), prior, [share]
    )

    assert mine[0] - mine[1] == pytest.approx(slope(off) - slope(0.0), abs=1e-4)


def test_the_log_likelihood_is_that_of_all_deals(answered: SimpleNamespace) -> None:
    """The same sum by SciPy's binomial, up to the constant, for one draw after another."""
    from scipy.stats import binom

    from whywin.winrates.rates import cell_rates

    tree = answered.evidence.posterior
    deals, won = (tree.observed_data[name].to_numpy() for name in ("deals", "won"))
    rates = np.concatenate(list(cell_rates(tree)))[:50]
    theirs = binom.logpmf(won, deals, rates).sum(axis=1)

    assert np.ptp(log_likelihood(tree)[:50] - theirs) == pytest.approx(0, abs=1e-8)


def test_sensitivity_is_that_of_a_conjugate_normal_model() -> None:
    """Of a normal mean with known errors the scaled posteriors are known: ArviZ's number from our groups is the exact distance.

    Here the deviation between levels is fixed near nothing, so that the intercept is the normal mean.
    """
    import arviz as az
    import xarray as xr
    from scipy.stats import norm

    prior, error, value = Priors(0.0, 1.0, 1.0), 0.8, 2.0
    precision = 1 + 1 / error**2
    draws = norm.ppf((np.arange(8000) + 0.5) / 8000, value / error**2 / precision, precision**-0.5)
    draws = np.random.default_rng(0).permutation(draws)
    unknown = xr.Dataset(
        {"intercept": (("chain", "draw"), draws[None]), "sd": (("chain", "draw", "term"), np.full((1, 8000, 1), 1e-9))}
    )
    mine = log_prior(SimpleNamespace(posterior=unknown), prior, np.array([0.5]))
    groups = {"posterior": {"mean": draws}, "log_prior": {"all": mine}}
    made = {name: xr.Dataset({k: (("chain", "draw"), v[None]) for k, v in of.items()}) for name, of in groups.items()}
    found = float(az.psense(xr.DataTree.from_dict(made), group="prior")["mean"])

    assert found == pytest.approx(exact(value, error), rel=0.05)


def exact(value: float, error: float) -> float:
    """The sensitivity to the prior N(0, 1) of a mean: distances of the cumulative distributions by quadrature."""
    from scipy.stats import norm

    def posterior(power: float) -> object:
        precision = power + 1 / error**2
        return norm(value / error**2 / precision, precision**-0.5)

    grid = np.linspace(*posterior(1).ppf([1e-4, 1 - 1e-4]), 20001)

    def one_way(p: np.ndarray, q: np.ndarray) -> float:
        width = grid[1] - grid[0]
        middle = (p + q) / 2
        parts = [(a * np.log2(a / middle)).sum() * width + (b - a).sum() * width / (2 * np.log(2)) for a, b in ((p, q), (q, p))]
        return float(np.sqrt(sum(max(part, 0) for part in parts) / ((p + q).sum() * width)))

    def distance(power: float) -> float:
        one, other = posterior(1), posterior(power)
        return max(one_way(one.cdf(grid), other.cdf(grid)), one_way(one.sf(grid), other.sf(grid)))

    return (distance(0.99) / -np.log2(0.99) + distance(1.01) / np.log2(1.01)) / 2


def test_many_levels_with_many_deals_do_not_depend_on_the_prior() -> None:
    """Sixty levels say themselves how far levels differ."""
    check = judged(many(60, 400, 0.3), FAST)

    assert (check.passed, check.severity, check.method) == (True, "serious", "hierarchical")
    assert "would not change the company's win rate" in check.says
    assert check.value < 0.05


def test_few_levels_depend_on_it_as_a_note() -> None:
    """Three levels say little of how far levels differ, which does not touch the company's rate."""
    check = judged(many(3, 400, 0.3), FAST)

    assert (check.passed, check.severity) == (False, "note")
    assert "how far levels differ" in check.says
    assert "region" in check.says
    assert check.value < 0.05


def test_a_prior_that_fights_the_deals_is_serious() -> None:
    """Where the company's rate is held three logits away from the deals', its sensitivity says so."""
    check = judged(many(6, 30, 0.3), Stubborn(engine="laplace", draws=500))

    assert (check.passed, check.severity) == (False, "serious")
    assert "would change the company's win rate" in check.says
    assert "in conflict" in check.says
    assert check.value > 0.05


def test_the_change_is_looked_at_where_one_is_asked(answered: SimpleNamespace, question: WinRates) -> None:
    """With a baseline and a current period the change has its own sensitivity."""
    found = sensitivities(question, answered)

    assert {"the company's win rate", "its change", "region"} <= set(found.index)
    assert np.isfinite(found.to_numpy()).all()


def test_answers_without_a_model_are_not_judged(answered: SimpleNamespace, question: WinRates) -> None:
    """A posterior that was not found, one without cells, and rates without a model have no prior to be scaled."""
    failed = SimpleNamespace(**{**vars(answered), "evidence": replace(answered.evidence, estimates=())})
    plain = SimpleNamespace(**{**vars(answered), "evidence": replace(answered.evidence, posterior=None)})
    other = SimpleNamespace(**{**vars(answered), "method": object()})
    bare = answered.evidence.posterior.copy()
    del bare["constant_data"]
    empty = SimpleNamespace(**{**vars(answered), "evidence": replace(answered.evidence, posterior=bare)})

    assert PriorSensitivity().check(question, (failed, plain, other, empty), None, stream(0, "prior")) == ()
