"""The flow of deals holds the traps that it is made to hold, and no others."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from whywin.worlds.flow import _propensity
from whywin.worlds.market import Market, World, simulate
from whywin.worlds.people import SEGMENTS

SEEDS = range(40)


def _true(world: World, quantity: str, segment: str = "all") -> float:
    truth = world.truth
    rows = truth[(truth["table"] == "deals") & (truth["quantity"] == quantity) & (truth["segment"] == segment)]
    return float(rows["value"].iloc[0])


def _gap(won: pd.Series, treated: pd.Series) -> float:
    return 100 * float(won[treated == 1].mean() - won[treated == 0].mean())


def _closed(world: World, *, landmark: bool) -> pd.DataFrame:
    deals = world.tables["deals"]
    among = deals["outcome"].ne("Open") & (world.potential["open_at_landmark"] | (not landmark))
    return deals[among].assign(won=deals["outcome"].eq("Won"))


def _standard_error(errors: list[float]) -> float:
    return float(np.std(errors, ddof=1) / np.sqrt(len(errors)))


def _by_hand(market: Market, deals: pd.DataFrame) -> np.ndarray:
    """The chance of a deal in a market without segments, skill or shift, from its columns alone."""
    size = (np.log(deals["amount"]) - 9.6) / 0.8
    known = 0.55 * deals["engagement"] + 0.45 * (deals["champion"] - 0.4) - 0.15 * size
    return expit(logit(market.win_rate / 100) + known).to_numpy()


def test_without_differences_a_chance_follows_from_engagement_champion_and_amount_alone() -> None:
    """The null market is exactly null: no segment, no rep, no quarter and no call moves any deal's chance."""
    market = Market(segment_sd=0.0, rep_sd=0.0, rate_shift=0.0, mix_shift=0.0, effect=0.0, effect_variation=0.0)
    world = simulate(market)
    of_call = world.truth[world.truth["table"].isin(["deals", "trial"])]
    effects = of_call[of_call["quantity"].str.startswith("effect on")]

    np.testing.assert_allclose(world.potential["chance_without"], _by_hand(market, world.tables["deals"]), rtol=0, atol=1e-12)
    assert world.potential["chance_with"].equals(world.potential["chance_without"])
    assert world.potential["won_with"].equals(world.potential["won_without"])
    assert len(effects) > 2
    assert (effects["value"] == 0.0).all()


def test_the_call_changes_most_where_there_is_no_champion() -> None:
    """In logits the call is worth the effect plus its variation times 0.4, less the variation where there is a champion."""
    world = simulate(Market(effect=0.5, effect_variation=0.3))
    champion = world.tables["deals"]["champion"]
    lift = logit(world.potential["chance_with"]) - logit(world.potential["chance_without"])

    np.testing.assert_allclose(lift[champion == 0], 0.5 + 0.3 * 0.4, atol=1e-9)
    np.testing.assert_allclose(lift[champion == 1], 0.5 + 0.3 * 0.4 - 0.3, atol=1e-9)
    assert _true(world, "effect on all deals", "champion=0") > _true(world, "effect on all deals", "champion=1")


def test_the_shift_is_in_logits_and_from_its_quarter_on() -> None:
    """Every deal created from the shifting quarter on has the same change in logits; the deals before have none."""
    shifted, steady = (simulate(Market(deals=1000, mix_shift=0.0, shift_quarter=4, rate_shift=shift)) for shift in (-0.5, 0.0))
    change = logit(shifted.potential["chance_without"]) - logit(steady.potential["chance_without"])
    late = shifted.tables["deals"]["created"] >= pd.Timestamp("2023-10-01")

    np.testing.assert_allclose(change[late], -0.5, atol=1e-9)
    assert (change[~late] == 0.0).all()


def test_closed_deals_show_the_true_win_rates() -> None:
    """Over 40 markets the realised wins scatter around the true rates as sums of independent draws do: overall, by segment and by quarter."""
    scores: dict[str, list[float]] = {"all": [], "industry=SaaS": [], "created_quarter=2024Q2": []}
    for seed in SEEDS:
        world = simulate(Market(seed=seed))
        deals = _closed(world, landmark=False).assign(all="all")
        for segment, errors in scores.items():
            name, _, level = segment.partition("=")
            column = deals["created"].dt.to_period("Q").astype(str) if name == "created_quarter" else deals[name]
            part = deals[column == (level or "all")]
            both = world.potential.loc[part.index, ["chance_without", "chance_with"]].to_numpy()
            chance = np.where(part["executive_call"] == 1, both[:, 1], both[:, 0])
            error = part["won"].mean() - _true(world, "win rate", segment) / 100
            errors.append(error * len(part) / np.sqrt((chance * (1 - chance)).sum()))

    for errors in scores.values():
        assert abs(np.mean(errors)) < 4 / np.sqrt(len(SEEDS))
        assert 0.6 < np.std(errors) < 1.4


def test_without_selection_the_comparison_at_the_landmark_is_unbiased() -> None:
    """Where managers call at random, the difference in means among deals open at the landmark has the true effect as its mean."""
    errors = []
    for seed in SEEDS:
        world = simulate(Market(seed=seed, selection=0.0))
        deals = _closed(world, landmark=True)
        errors.append(_gap(deals["won"], deals["executive_call"]) - _true(world, "effect on all deals"))

    assert _standard_error(errors) < 0.5
    assert abs(np.mean(errors)) < 4 * _standard_error(errors)


@pytest.mark.slow
def test_without_selection_the_plain_comparison_still_misleads() -> None:
    """Called deals lived to the landmark, and deals that live are the engaged ones: immortal time flatters the call."""
    plain, landmark = [], []
    for seed in SEEDS:
        world = simulate(Market(seed=seed, selection=0.0, cycle_days=15.0))
        every, eligible = _closed(world, landmark=False), _closed(world, landmark=True)
        plain.append(_gap(every["won"], every["executive_call"]) - _true(world, "effect on the treated"))
        landmark.append(_gap(eligible["won"], eligible["executive_call"]) - _true(world, "effect on the treated"))

    assert np.mean(plain) > 1
    assert np.mean(plain) > np.mean(landmark) + 4 * _standard_error(list(np.subtract(plain, landmark)))


@pytest.mark.slow
def test_selection_misleads_and_weighting_by_the_chance_of_a_call_mends_it() -> None:
    """Managers who pick promising deals flatter the call; what they react to is in the table, so it can be undone."""
    naive, weighted = [], []
    for seed in SEEDS:
        market = Market(seed=seed, selection=1.0)
        world = simulate(market)
        chance = _propensity(market, world.tables["deals"], world.potential["open_at_landmark"].to_numpy())
        deals = _closed(world, landmark=True)
        called, chance = deals["executive_call"].to_numpy(), chance[deals.index]
        truth = _true(world, "effect on all deals")
        naive.append(_gap(deals["won"], deals["executive_call"]) - truth)
        means = [np.average(deals["won"], weights=weights) for weights in (called / chance, (1 - called) / (1 - chance))]
        weighted.append(100 * (means[0] - means[1]) - truth)

    assert np.mean(naive) > 4
    assert abs(np.mean(weighted)) < 4 * _standard_error(weighted)


def test_meetings_are_a_trap() -> None:
    """Meetings follow from the call and from the outcome: adjusting for them hides most of what the call did."""
    world = simulate(Market(deals=40_000, selection=0.0))
    deals = _closed(world, landmark=True)
    parts = [
        (len(part), _gap(part["won"], part["executive_call"]))
        for _, part in deals.groupby(deals["meetings"].clip(0, 8))
        if part["executive_call"].nunique() == 2
    ]
    adjusted = np.average([gap for _, gap in parts], weights=[size for size, _ in parts])

    assert adjusted < _true(world, "effect on all deals") - 3


def test_the_share_of_called_deals_is_about_what_was_asked() -> None:
    """Of the deals open at the landmark the asked share is called, exactly so where managers call at random."""
    world = simulate(Market(deals=40_000, treated_share=0.3, selection=0.0))
    eligible = world.potential["open_at_landmark"]

    assert world.tables["deals"]["executive_call"][eligible].mean() == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / eligible.sum()))


def test_a_longer_wait_for_the_export_leaves_fewer_deals_open() -> None:
    """Deals are open because their time was not up at the export, and the latest ones most often."""
    shares = []
    for days in (0, 60, 400):
        deals = simulate(Market(follow_up_days=days)).tables["deals"]
        still_open = deals["outcome"].eq("Open")
        shares.append(still_open.mean())
        if still_open.any():
            assert deals["created"][still_open].median() > deals["created"][~still_open].median()

    assert shares[0] > 0.05
    assert shares[0] > shares[1] > shares[2]


@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.0])
def test_lost_deals_take_as_much_longer_as_asked(ratio: float) -> None:
    """Among deals like one another the median days of lost and won deals have the asked ratio."""
    market = Market(deals=40_000, follow_up_days=2000, lost_cycle_ratio=ratio, effect=0.0, effect_variation=0.0)
    world = simulate(market)
    deals = world.tables["deals"]
    days = (deals["closed"] - deals["created"]).dt.days
    alike = deals["engagement"].abs() < 0.2
    lost, won = (days[alike & (world.potential["won_without"] == outcome)].median() for outcome in (0, 1))

    assert lost / won == pytest.approx(ratio, rel=0.06)


def test_the_mix_moves_to_one_lead_source_in_its_quarter() -> None:
    """From the shifting quarter on the asked share of the other lead sources' deals comes from the weakest one instead."""
    world = simulate(Market(deals=40_000, shift_quarter=4, mix_shift=0.4))
    late = world.tables["deals"]["created"] >= pd.Timestamp("2023-10-01")
    before, after = (world.tables["deals"].loc[part, "lead_source"].value_counts(normalize=True) for part in (~late, late))
    weakest = (after - before).idxmax()
    rates = {level: _true(world, "win rate", f"lead_source={level}") for level, _ in SEGMENTS["lead_source"]}

    assert weakest == min(rates, key=lambda level: rates[level])
    for level, share in SEGMENTS["lead_source"]:
        assert before[level] == pytest.approx(share, abs=0.02)
        assert after[level] == pytest.approx(0.6 * share + 0.4 * (level == weakest), abs=0.02)
