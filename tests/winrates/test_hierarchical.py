"""The hierarchical method: what it answers, that it repeats to the last bit, and that it is the textbook model."""

import os
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from whywin.errors import ConfigError
from whywin.stats.streams import stream
from whywin.winrates.methods.hierarchical import Hierarchical
from whywin.winrates.question import WinRates
from whywin.winrates.rates import targets


def digest(tree: object) -> str:
    """What the draws are, to the last bit."""
    return sha256(tree.posterior["effect"].to_numpy().tobytes()).hexdigest()


def test_rates_are_averages_of_the_deals_that_were_there(answered: SimpleNamespace, question: WinRates) -> None:
    """Levels weighted by their deals give the company's rate back, in every dimension."""
    company = answered.evidence.of("win rate")
    for name in question.dimensions:
        rows = [one for one in answered.evidence.estimates if one.quantity == "win rate" and one.segment.startswith(f"{name}=")]
        assert sum(one.value * one.n for one in rows) / company.n == pytest.approx(company.value, abs=0.02)
        assert sum(one.n for one in rows) == company.n == 1160


def test_the_company_is_where_the_deals_are(answered: SimpleNamespace) -> None:
    """With many deals the company's pooled rate is the observed one, and its interval is Wilson's, nearly."""
    cells = answered.sample
    observed = 100 * cells["won"].sum() / cells["deals"].sum()
    company = answered.evidence.of("win rate")

    assert company.value == pytest.approx(observed, abs=0.3)
    assert company.high - company.low == pytest.approx(2 * 1.96 * 100 * np.sqrt(0.25 / 1160), rel=0.1)


def test_real_differences_are_named_and_others_are_not(answered: SimpleNamespace) -> None:
    """West (65 %) and East (35 %) differ from the company; the products, which do not, are not named."""
    found = answered.evidence.tables["segments"].set_index(["dimension", "level"])

    assert found.loc[("region", "West"), "different"]
    assert found.loc[("region", "West"), "p_above"] > 0.99
    assert found.loc[("region", "East"), "p_below"] > 0.99
    assert not found.loc["product", "different"].any()
    assert found["drawn_in"].between(0, 1).all()


def test_changes_are_in_points_for_the_company_and_each_segment(answered: SimpleNamespace) -> None:
    """The company's change is the difference of its periods' rates; each level of each segment column has its own."""
    rows = {one.segment: one for one in answered.evidence.estimates if one.quantity == "change in win rate"}
    now, then = (answered.evidence.of("win rate", f"created_quarter={label}") for label in ("2024Q2", "2024Q1"))

    assert set(rows) == {"all", *(f"region={name}" for name in ("East", "North", "West")), "product=Core", "product=Pro"}
    assert rows["all"].value == pytest.approx(now.value - then.value, abs=1e-6)
    assert {one.unit for one in rows.values()} == {"points"}


def test_a_dimension_that_may_not_move_has_no_change_of_its_own(answered: SimpleNamespace, question: WinRates) -> None:
    """Its levels change by the model like the company, which would be told with too narrow an interval: it is left out."""
    still = Hierarchical(moving=False).structure(replace(question, cross=(("region", "created_quarter"),)), answered.sample)

    asked = {one.segment for one in targets(question, answered.sample, still.moving) if one.quantity == "change in win rate"}

    assert asked == {"all", "region=East", "region=North", "region=West"}


def test_a_change_at_a_fixed_mix_is_one_of_rates(answered: SimpleNamespace) -> None:
    """Both periods had the same mix here, so both changes agree within a point; the chances of a fall and a rise are told."""
    table = answered.evidence.tables["changes"].set_index("segment")

    assert table.loc["all", "fixed_mix"] == pytest.approx(table.loc["all", "change"], abs=1.0)
    assert (table["p_fell"] + table["p_rose"]).between(0, 1).all()
    assert table.loc["all", "now"] - table.loc["all", "before"] == pytest.approx(table.loc["all", "change"], abs=2.5)


def test_ranks_count_from_the_highest_rate(answered: SimpleNamespace) -> None:
    """West surely leads and East surely ends the three regions; products, which are alike, may stand in either order."""
    table = answered.evidence.tables["segments"].set_index(["dimension", "level"])

    assert table.loc[("region", "West"), ["rank", "rank_low", "rank_high"]].tolist() == [1, 1, 1]
    assert table.loc[("region", "East"), "rank"] == 3
    assert table.loc["product", "rank_low"].tolist() == [1, 1]
    assert table.loc["product", "rank_high"].tolist() == [2, 2]


def test_a_new_level_is_less_sure_than_any_seen(answered: SimpleNamespace) -> None:
    """A new region, a new product and the next quarter are predicted about the company's rate, each wider than the widest seen."""
    table = answered.evidence.tables["new_levels"]

    assert table["level"].tolist() == ["(new)", "(new)", "2024Q3"]
    assert (table["high"] - table["low"] > table["widest_seen"]).all()
    assert table["rate"].between(35, 60).all()


def test_no_change_without_periods(deals: pd.DataFrame, answered: SimpleNamespace, question: WinRates) -> None:
    """The rates themselves do not depend on whether periods are compared."""
    plain = WinRates(question.segments, cross=question.cross, time=question.time)
    evidence = answered.method.answer(plain, answered.method.need(plain).sample(deals), stream(1, "hierarchical"))

    assert {one.quantity for one in evidence.estimates} == {"win rate"}
    assert "changes" not in evidence.tables
    assert evidence.of("win rate", "region=West") == answered.evidence.of("win rate", "region=West")


def test_variation_is_told_in_points(answered: SimpleNamespace) -> None:
    """Regions vary by about twelve points, products by little; every term has an interval around its median."""
    table = answered.evidence.tables["variation"].set_index("term")

    moving = ["region × created_quarter", "product × created_quarter"]
    assert list(table.index) == ["region", "product", "created_quarter", "region × product", *moving]
    assert answered.evidence.checks[0].says.startswith("Region explains ")
    assert table.loc["region", "share"] > 0.5
    assert 8 < table.loc["region", "between_sd"] < 22
    assert table.loc["product", "between_sd"] < 5
    assert (table["low"] < table["between_sd"]).all()
    assert (table["between_sd"] < table["high"]).all()


def test_another_process_on_one_core_draws_the_same_bits(answered: SimpleNamespace, tmp_path: object) -> None:
    """The draws depend on the data, the settings and the stream only: not on the process, the cores, or what was fitted before."""
    answered.sample.to_csv(tmp_path / "cells.csv", index=False)
    program = f"""
import os
os.sched_setaffinity(0, [sorted(os.sched_getaffinity(0))[0]])
import pandas as pd
from dataclasses import replace
from hashlib import sha256
from whywin.stats.streams import stream
from whywin.winrates.methods.hierarchical import Hierarchical
from whywin.winrates.question import WinRates
from whywin.winrates.rates import targets
question = WinRates(("region", "product"), cross=(("region", "product"),), time="created", baseline=("2024Q1",), current=("2024Q2",))
tree = Hierarchical(draws=700, engine="laplace").answer(question, pd.read_csv({str(tmp_path / "cells.csv")!r}), stream(1, "hierarchical")).posterior
print(sha256(tree.posterior["effect"].to_numpy().tobytes()).hexdigest())
"""
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ.copy())

    assert there.stdout.strip() == digest(answered.evidence.posterior)


def test_nothing_is_printed(deals: pd.DataFrame, capfd: pytest.CaptureFixture) -> None:
    """Sampling draws no progress bar, on either stream."""
    question = WinRates(("region", "product"), cross=(("region", "product"),), time="created")
    short = Hierarchical(draws=100, tune=100, chains=2)
    short.answer(question, short.need(question).sample(deals), stream(2, "hierarchical"))

    assert capfd.readouterr() == ("", "")


def test_the_posterior_can_be_kept_and_read_without_whywin(answered: SimpleNamespace, tmp_path: object) -> None:
    """It is saved as NetCDF and read back by xarray alone, with labels, counts and which effect belongs to which cell."""
    import xarray as xr

    answered.evidence.posterior.to_netcdf(tmp_path / "posterior.nc")
    back = xr.open_datatree(tmp_path / "posterior.nc")

    assert np.array_equal(back.posterior["sd"], answered.evidence.posterior.posterior["sd"])
    assert "region=West" in back.posterior["level"].to_numpy()
    assert int(back.observed_data["deals"].sum()) == 1160
    back.close()


def test_priors_are_stated_in_points() -> None:
    """At a rate of one half a point is .04 logits, so that ten points of spread are .4."""
    priors = Hierarchical(spread_points=10, company_points=25).priors(0.5)

    assert (priors.centre, priors.spread, priors.width) == (pytest.approx(0), pytest.approx(0.4), pytest.approx(1.0))


def test_settings_are_held_to_their_bounds() -> None:
    """Too few draws and a certainty of one are refused in one message."""
    with pytest.raises(ConfigError) as caught:
        Hierarchical(draws=3, sure=1.0)

    assert len(caught.value.faults) == 2


@pytest.mark.slow
def test_it_is_the_textbook_model(deals: pd.DataFrame) -> None:
    """PyMC's own distributions, independent normal effects and one row a deal give the same posterior, within Monte Carlo error."""
    import arviz as az
    import nutpie
    import pymc as pm

    from whywin.winrates.pieces import pieces_of
    from whywin.winrates.priors import Priors
    from whywin.winrates.sampling import Effort, posterior

    closed = deals.dropna(subset="won").iloc[:300]
    cells = closed.groupby(["region", "product"])["won"].agg(["size", "sum"]).reset_index()
    cells = cells.rename(columns={"size": "deals", "sum": "won"})
    region, product = (pd.factorize(closed[name], sort=True)[0] for name in ("region", "product"))
    with pm.Model() as textbook:
        intercept = pm.Normal("intercept", 0.0, 1.0)
        one, other = pm.HalfNormal("one", 0.5), pm.HalfNormal("other", 0.5)
        first, second = one * pm.Normal("a", shape=3), other * pm.Normal("b", shape=2)
        pm.Bernoulli("won", logit_p=intercept + first[region] + second[product], observed=closed["won"].to_numpy())
    theirs = nutpie.sample(
        nutpie.compile_pymc_model(textbook), draws=2500, tune=1000, chains=4, seed=4, progress_bar=False, target_accept=0.97
    ).posterior
    effort = Effort(2500, 1000, 4, 0.95)
    ours = posterior(pieces_of(cells, ["region", "product"]), Priors(0.0, 1.0, 0.5), effort, np.random.default_rng(3)).posterior

    def odds(part: np.ndarray, i: int, j: int) -> np.ndarray:
        return part["intercept"] + part["one"] * part["a"][..., i] + part["other"] * part["b"][..., j]

    pairs = [(ours["sd"][..., 0], theirs["one"]), (ours["sd"][..., 1], theirs["other"])]
    pairs += [
        (ours["intercept"] + ours["effect"][..., i] + ours["effect"][..., 3 + j], odds(theirs, i, j))
        for i in range(3)
        for j in range(2)
    ]
    for mine, known in pairs:
        mine, known = np.asarray(mine), np.asarray(known)  # noqa: PLW2901 - the same draws, as arrays
        for summary in ("mean", "sd"):
            error = np.hypot(*(float(az.mcse(draws, method=summary)) for draws in (mine, known)))
            assert (
                abs(
                    getattr(mine, {"mean": "mean", "sd": "std"}[summary])()
                    - getattr(known, {"mean": "mean", "sd": "std"}[summary])()
                )
                < 4 * error
            )


def test_periods_have_a_prior_of_their_own() -> None:
    """Whatever a period is part of has the scale of periods, half of it where it is a segment's own."""
    method = Hierarchical(spread_points=10, period_points=4)
    cells = pd.DataFrame(
        {
            "region": np.repeat(["North", "South"], 3),
            "closed_quarter": np.tile(["2023Q1", "2023Q2", "2023Q3"], 2),
            "deals": 50,
            "won": [20, 22, 24, 26, 28, 30],
        }
    )
    structure = method.structure(WinRates(segments=("region",), time="closed"), cells)
    pieces = structure.pieces(cells)
    priors = method.priors_of(structure, pieces)

    assert list(pieces.terms) == ["region", "closed_quarter", "region × closed_quarter"]
    assert priors.scale / priors.spread == pytest.approx(np.array([1.0, 0.4, 0.2]))
    draws = priors.draw(np.random.default_rng(1), (20_000, 3))
    assert draws.mean(axis=0) / draws.mean() == pytest.approx(np.array([1.0, 0.4, 0.2]) / (1.6 / 3), rel=0.03)
