"""True numbers are what a count over the potential outcomes gives."""

from collections import defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whywin.worlds.market import Market, World, simulate

SEGMENTS = ("industry", "region", "product", "lead_source")


def _rows(world: World) -> Iterator[dict]:
    """Each closed deal with its chances, as plain values."""
    together = world.tables["deals"].merge(world.potential, on="deal_id")
    for row in together.to_dict("records"):
        if row["outcome"] != "Open":
            row["quarter"] = f"{row['created'].year}Q{(row['created'].month + 2) // 3}"
            row["chance"] = row["chance_with"] if row["executive_call"] else row["chance_without"]
            yield row


def _mean(values: list[float]) -> float:
    return 100 * sum(values) / len(values)


def _truth(world: World, quantity: str) -> dict[str, float]:
    rows = world.truth[(world.truth["table"] == "deals") & (world.truth["quantity"] == quantity)]
    return dict(zip(rows["segment"], rows["value"], strict=True))


@pytest.fixture(scope="module")
def world() -> World:
    """A market with every knob in use."""
    return simulate(Market(seed=5, deals=1500, follow_up_days=20))


def test_win_rates_are_mean_chances_of_closed_deals(world: World) -> None:
    """The true rate of all, of each level, rep and quarter is the mean chance, as treated, of its closed deals."""
    chances: dict[str, list[float]] = defaultdict(list)
    for row in _rows(world):
        levels = [f"{name}={row[name]}" for name in (*SEGMENTS, "rep")]
        for segment in ("all", f"created_quarter={row['quarter']}", *levels):
            chances[segment].append(row["chance"])

    assert _truth(world, "win rate") == pytest.approx({segment: _mean(values) for segment, values in chances.items()})


def test_changes_are_differences_of_the_time_before_and_the_time_from_the_shift_on(world: World) -> None:
    """The true change is the mean chance from the shifting quarter on less that of all quarters before, for all and for each level."""
    chances: dict[str, dict[bool, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in _rows(world):
        for segment in ("all", *(f"{name}={row[name]}" for name in SEGMENTS)):
            chances[segment][row["quarter"] >= "2024Q1"].append(row["chance"])
    changes = {segment: _mean(of[True]) - _mean(of[False]) for segment, of in chances.items()}

    assert _truth(world, "change in win rate") == pytest.approx(changes)


def test_effects_are_mean_differences_of_the_two_chances(world: World) -> None:
    """The true effect is the mean gain over closed deals that were open at the landmark; on the treated, over the called ones."""
    gains: dict[str, dict[str, list[float]]] = {
        "effect on all deals": defaultdict(list),
        "effect on the treated": defaultdict(list),
    }
    for row in _rows(world):
        if (row["closed"] - row["created"]).days <= 14:
            continue
        for segment in ("all", *(f"{name}={row[name]}" for name in (*SEGMENTS, "champion"))):
            gain = row["chance_with"] - row["chance_without"]
            gains["effect on all deals"][segment].append(gain)
            if row["executive_call"]:
                gains["effect on the treated"][segment].append(gain)

    for quantity, by_segment in gains.items():
        assert _truth(world, quantity) == pytest.approx({segment: _mean(values) for segment, values in by_segment.items()})


def test_realised_gains_agree_with_the_true_effect() -> None:
    """In a large market the potential outcomes themselves, not only their chances, differ by the true effect."""
    world = simulate(Market(deals=200_000))
    among = world.potential["open_at_landmark"] & world.tables["deals"]["outcome"].ne("Open")
    gain = 100 * (world.potential["won_with"] - world.potential["won_without"])[among]

    assert gain.mean() == pytest.approx(_truth(world, "effect on all deals")["all"], abs=4 * gain.std() / among.sum() ** 0.5)


def test_rate_and_mix_effect_are_the_average_of_the_two_orders(world: World) -> None:
    """Moving first the rates and then the mix, or first the mix and then the rates: the mean of both ways is Kitagawa's split."""
    chances: dict[bool, dict[str, list[float]]] = {False: defaultdict(list), True: defaultdict(list)}
    for row in _rows(world):
        chances[row["quarter"] >= "2024Q1"][row["lead_source"]].append(row["chance"])
    mix = {time: {level: len(of[level]) / sum(map(len, of.values())) for level in of} for time, of in chances.items()}
    rate = {time: {level: _mean(of[level]) for level in of} for time, of in chances.items()}

    def total(mix_of: bool, rate_of: bool) -> float:
        return sum(mix[mix_of][level] * rate[rate_of][level] for level in mix[mix_of])

    before, after = False, True
    rate_effect = (total(before, after) - total(before, before) + total(after, after) - total(after, before)) / 2
    mix_effect = (total(after, before) - total(before, before) + total(after, after) - total(before, after)) / 2

    assert _truth(world, "rate effect")["all"] == pytest.approx(rate_effect)
    assert _truth(world, "mix effect")["all"] == pytest.approx(mix_effect)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.floats(-1, 1), st.floats(0, 0.9), st.integers(2, 4))
def test_rate_and_mix_effect_add_up_to_the_change(seed: int, rate_shift: float, mix_shift: float, quarter: int) -> None:
    """Whatever shifts, its two parts make up the whole change."""
    market = Market(seed=seed, deals=600, quarters=4, shift_quarter=quarter, rate_shift=rate_shift, mix_shift=mix_shift)
    world = simulate(market)
    parts = _truth(world, "rate effect")["all"] + _truth(world, "mix effect")["all"]

    assert parts == pytest.approx(_truth(world, "change in win rate")["all"], abs=1e-9)


def test_each_shift_shows_in_its_own_part() -> None:
    """A shift of rates alone is a rate effect, a shift of the mix alone a mix effect."""
    rates, mix = (
        simulate(Market(deals=60_000, segment_sd=0.5, rate_shift=rate_shift, mix_shift=mix_shift))
        for rate_shift, mix_shift in ((-0.5, 0.0), (0.0, 0.6))
    )

    assert _truth(rates, "rate effect")["all"] < -8
    assert abs(_truth(rates, "mix effect")["all"]) < 0.5
    assert _truth(mix, "mix effect")["all"] < -3
    assert abs(_truth(mix, "rate effect")["all"]) < 1


@pytest.mark.parametrize("quarter", [0, 1, 7])
def test_without_a_quarter_before_it_there_is_no_change(quarter: int) -> None:
    """No true change is claimed where no quarter shifts, or the shift has no quarter on both its sides."""
    world = simulate(Market(deals=300, shift_quarter=quarter))

    assert not {"change in win rate", "rate effect", "mix effect"} & set(world.truth["quantity"])


def test_where_no_deal_reaches_the_landmark_no_effect_is_claimed() -> None:
    """An effect on nobody has no true value, so there is no row for it."""
    truth = simulate(Market(deals=300, landmark_days=5000)).truth

    assert not truth.loc[truth["table"] == "deals", "quantity"].str.startswith("effect on").any()
