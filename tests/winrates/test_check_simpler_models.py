"""What the model is made of earns its keep where it predicts left-out deals better, and only there."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from whywin.stats.streams import stream
from whywin.winrates.checks.simpler_models import SimplerModels, constant, counts, difference, left_out
from whywin.winrates.methods.hierarchical import Hierarchical
from whywin.winrates.methods.observed import Observed
from whywin.winrates.question import WinRates


def table(rows: list[tuple], *columns: str) -> pd.DataFrame:
    """Cells with counts of deals and won deals."""
    return pd.DataFrame(rows, columns=[*columns, "deals", "won"])


SMALL = table([("a", 12, 3), ("b", 12, 8), ("c", 9, 4)], "region")


def fitted(cells: pd.DataFrame, question: WinRates, draws: int = 250) -> SimpleNamespace:
    """The fast engine's answer to a question, as a check is given it."""
    method = Hierarchical(engine="laplace", draws=draws)
    evidence = method.answer(question, cells, stream(1, "hierarchical"))
    return SimpleNamespace(label="hierarchical", method=method, sample=cells, evidence=evidence)


def judged(cells: pd.DataFrame, question: WinRates, **settings: float) -> object:
    """What the check says of the answer."""
    (check,) = SimplerModels(**settings).check(question, (fitted(cells, question),), None, stream(0, "simpler"))
    return check


def test_left_out_scores_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deal's score is the log ratio of two marginal likelihoods, with it and without, which quadrature gives; not what the whole says."""
    monkeypatch.setattr("whywin.winrates.checks.simpler_models.DRAWS", 8000)
    answer = fitted(SMALL, WinRates(("region",)), draws=2000)
    tree = answer.evidence.posterior
    priors = answer.method.priors(float(SMALL["won"].sum() / SMALL["deals"].sum()))
    won, lost = counts(tree)
    exact, within = np.zeros((2, 3)), np.zeros((2, 3))
    for cell in range(3):
        for kind in (0, 1):
            less = np.array([won, lost])
            less[kind, cell] -= 1
            exact[kind, cell] = marginal(won, lost, priors) - marginal(*less, priors)
            within[kind, cell] = np.log(chance(tree, cell, kind).mean())

    assert left_out(tree, 50).scores.reshape(2, -1) == pytest.approx(exact, abs=0.02)
    assert (within - exact).min() > 0.02


def marginal(won: np.ndarray, lost: np.ndarray, priors: object) -> float:
    """The log marginal likelihood of one dimension's levels, by quadrature over its deviation, the intercept and each level."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    weights = weights / weights.sum()
    deviation = (np.arange(80) + 0.5) / 80 * 4.5 * priors.spread
    odds = priors.centre + priors.width * nodes[None, :, None] + deviation[:, None, None] * nodes
    levels = np.ones(odds.shape[:2])
    for won_here, lost_here in zip(won, lost, strict=True):
        levels = levels * (np.exp(-won_here * np.log1p(np.exp(-odds)) - lost_here * np.log1p(np.exp(odds))) @ weights)
    return float(np.log((levels @ weights) @ np.exp(-0.5 * (deviation / priors.spread) ** 2)))


def chance(tree: object, cell: int, kind: int) -> np.ndarray:
    """The chance of a won or of a lost deal in a cell, draw by draw."""
    place = int(tree.constant_data["position"].to_numpy()[0, cell])
    odds = tree.posterior["intercept"].to_numpy() + tree.posterior["effect"].to_numpy()[..., place]
    return 1 / (1 + np.exp(-odds if kind == 0 else odds))


def test_scores_and_k_hat_are_those_of_arviz_on_single_deals() -> None:
    """Counting alike deals once gives ArviZ's leave-one-out sum over all deals, deal by deal."""
    import arviz as az
    import xarray as xr

    tree = fitted(SMALL, WinRates(("region",))).evidence.posterior
    found, (won, lost) = left_out(tree, 50), counts(tree)
    times = np.concatenate([won, lost]).astype(int)
    rows = [np.log(chance(tree, cell, kind)) for kind in (0, 1) for cell in range(3)]
    each = np.repeat(np.stack(rows, axis=-1), times, axis=-1)
    deals = xr.Dataset({"won": (("chain", "draw", "deal"), each)})
    loo = az.loo(
        xr.DataTree.from_dict({"posterior": tree.posterior.to_dataset(), "log_likelihood": deals}), reff=1.0, pointwise=True
    )

    assert found.scores @ times == pytest.approx(loo.elpd, abs=1e-8)
    assert np.repeat(found.khat, times) == pytest.approx(loo.pareto_k.to_numpy(), abs=1e-8)


def test_what_is_not_smoothed_hardly_differs() -> None:
    """Smoothing one kind of deal in six, that whose ratios vary most, changes the sum by less than a hundredth."""
    tree = fitted(SMALL, WinRates(("region",))).evidence.posterior
    times = np.concatenate(counts(tree))
    few, all_ = left_out(tree, 1), left_out(tree, 50)

    assert (few.smoothed, all_.smoothed) == (1, 6)
    assert few.scores @ times == pytest.approx(all_.scores @ times, abs=0.01)


def test_the_standard_error_is_that_over_deals() -> None:
    """The same number is found from one row a deal: the root of n times the variance."""
    scores, deals = np.array([0.1, -0.3, 0.05]), np.array([5.0, 2.0, 13.0])
    each = np.repeat(scores, deals.astype(int))

    assert difference(scores, deals) == pytest.approx((each.sum(), np.sqrt(20 * each.var())))


def test_one_rate_for_all_leaves_out_exactly() -> None:
    """The rest of 3 won of 10 deals under Jeffreys' prior gives a won deal (2 + .5) / (9 + 1) and a lost one (6 + .5) / (9 + 1)."""
    assert np.exp(constant(np.array([3.0]), np.array([7.0])).scores) == pytest.approx([0.25, 0.65])


def test_a_planted_crossing_earns_its_keep() -> None:
    """Where two products win in opposite regions, leaving the crossing out costs a hundred times its standard noise."""
    rows = [("n", "x", 400, 320), ("n", "y", 400, 80), ("s", "x", 400, 80), ("s", "y", 400, 320)]
    check = judged(table(rows, "region", "product"), WinRates(("region", "product"), cross=(("region", "product"),)))

    assert (check.passed, check.severity, check.method) == (True, "note", "hierarchical")
    assert "−" in check.says.partition(" without region × product")[0]
    assert "region × product and the segments earn their keep" in check.says


def test_what_is_not_there_does_not() -> None:
    """Regions, products and their combinations that all win alike predict no better than one rate does; that is no failure."""
    rng = np.random.default_rng(3)
    rows = [(a, b, 200, int(rng.binomial(200, 0.4))) for a in "nsew" for b in "xyz"]
    check = judged(table(rows, "region", "product"), WinRates(("region", "product"), cross=(("region", "product"),)))

    assert check.passed
    assert "without region × product and the segments deals are predicted as well" in check.says


def test_the_number_of_models_is_bounded() -> None:
    """One model at most is one comparison; the first is the crossing."""
    rows = [(a, b, 100, 30 + 5 * i) for i, (a, b) in enumerate(("nx", "ny", "sx", "sy"))]
    check = judged(
        table(rows, "region", "product"), WinRates(("region", "product"), cross=(("region", "product"),)), most_models=1
    )

    assert check.says.count("±") == 1
    assert "region × product" in check.says


def test_a_better_simpler_model_and_rough_scores_are_told() -> None:
    """What predicts clearly better without is to be left out; deals whose k-hat is too high are counted, and fail the check as a note."""
    says = SimplerModels()._compared({"rep": (9.0, 2.0), "amount": (3.9, 0.1)}, 100)
    rough = judged(SMALL, WinRates(("region",)), most_khat=0.001, most_points=50)

    assert "without rep they are predicted better, so that nothing is lost by leaving it out" in says
    assert "without amount deals are predicted as well" in says
    assert (rough.passed, rough.severity) == (False, "note")
    assert "deals have a k-hat above 0.001" in rough.says


def test_movement_and_reps_are_left_out_in_turn(answered: SimpleNamespace, question: WinRates) -> None:
    """With periods the movement of segments over time is one of the parts; the regions of the fixture differ and are kept."""
    (check,) = SimplerModels().check(question, (answered,), None, stream(0, "simpler"))
    (again,) = SimplerModels().check(question, (answered,), None, stream(0, "simpler"))

    assert "without the movement of segments over time" in check.says
    assert "the segments earn their keep" in check.says
    assert check == again


def test_answers_without_a_model_are_not_judged(answered: SimpleNamespace, question: WinRates) -> None:
    """Neither observed rates nor a posterior that was not found has anything to compare."""
    plain = SimpleNamespace(
        label="observed",
        method=Observed(),
        sample=answered.sample,
        evidence=Observed().answer(question, answered.sample, stream(0, "observed")),
    )
    failed = SimpleNamespace(**{**vars(answered), "evidence": replace(answered.evidence, estimates=())})

    assert SimplerModels().check(question, (plain, failed), None, stream(0, "simpler")) == ()
