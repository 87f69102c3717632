"""The parts of a change: they sum to it, they are found where they were put, and faulty questions are refused."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from whywin.errors import QuestionError
from whywin.evidence import Evidence
from whywin.stats.streams import stream
from whywin.winrates.decomposing import compared
from whywin.winrates.methods.decomposition import Decomposition
from whywin.winrates.question import WinRates

YEARS = {"time": "created", "grain": "year", "baseline": ("2023",), "current": ("2024",)}
QUESTION = WinRates(("region", "product"), **YEARS)


def world(
    shares: tuple[tuple[float, ...], tuple[float, ...]], rates: tuple[tuple[float, ...], tuple[float, ...]]
) -> pd.DataFrame:
    """20,000 deals a year in three regions with these shares and rates, in two products that make no difference."""
    rng, frames = np.random.default_rng(3), []
    for year, share, rate in zip(("2023", "2024"), shares, rates, strict=True):
        for region, part, chance in zip(("East", "North", "West"), share, rate, strict=True):
            for product, half in (("Core", 0.7), ("Pro", 0.3)):
                deals = round(20_000 * part * half)
                row = {
                    "region": region,
                    "product": product,
                    "created_year": year,
                    "deals": deals,
                    "won": rng.binomial(deals, chance),
                }
                frames.append(row)
    return pd.DataFrame(frames)


@pytest.fixture(scope="module")
def decomposed() -> Callable:
    """From cells to evidence, on the fast engine where it can be trusted."""

    def found(cells: pd.DataFrame, question: WinRates = QUESTION) -> Evidence:
        return Decomposition().answer(question, cells, stream(1, "decomposition"))

    return found


@pytest.fixture(scope="module")
def mixed(decomposed: Callable) -> SimpleNamespace:
    """A world whose mix moved from the strong to the weak region, at unchanged rates."""
    cells = world(((0.5, 0.3, 0.2), (0.2, 0.3, 0.5)), ((0.6, 0.45, 0.3), (0.6, 0.45, 0.3)))
    return SimpleNamespace(cells=cells, evidence=decomposed(cells))


def value(evidence: Evidence, quantity: str, segment: str = "all") -> float:
    """One point estimate."""
    return evidence.of(quantity, segment).value


def test_the_parts_sum_to_the_observed_change(mixed: SimpleNamespace) -> None:
    """Rate effect, mix effect and chance sum to the observed change to 1e-9; dimensions to the mix, levels to the rate effect."""
    found = mixed.evidence
    pair = mixed.cells.groupby("created_year")[["won", "deals"]].sum()
    change = 100 * (pair["won"] / pair["deals"]).diff().iloc[-1]
    parts = [value(found, name) for name in ("rate effect", "mix effect", "chance")]
    mixes = [value(found, f"mix effect of {name}") for name in ("region", "product", "combinations")]

    assert value(found, "change in win rate") == pytest.approx(change, abs=1e-9)
    assert sum(parts) == pytest.approx(change, abs=1e-9)
    assert sum(mixes) == pytest.approx(value(found, "mix effect"), abs=1e-9)
    for dimension, levels in (("region", ("East", "North", "West")), ("product", ("Core", "Pro"))):
        whole = sum(value(found, "rate effect", f"{dimension}={level}") for level in levels)
        assert whole == pytest.approx(value(found, "rate effect"), abs=1e-9)


def test_a_shift_of_the_mix_is_said_to_be_one(mixed: SimpleNamespace) -> None:
    """Thirty per cent of the deals moved from a 60 % region to a 30 % one: nine points, all of them the regions' mix."""
    found = mixed.evidence

    assert value(found, "mix effect of region") == pytest.approx(-9, abs=0.5)
    assert abs(value(found, "mix effect of product")) < 0.02
    assert found.of("mix effect").high < -8
    rate = found.of("rate effect")
    assert rate.low < 0 < rate.high
    first = found.tables["contributions"].iloc[0]
    assert (first["dimension"], first["level"]) == ("region", "West")
    assert (first["share_before"], first["share_now"]) == pytest.approx((20, 50))


def test_a_fall_of_one_segments_rate_is_found_there(decomposed: Callable) -> None:
    """One region's rate falls by ten points at an unchanged mix: a rate effect of three points, carried by that region."""
    found = decomposed(world(((0.5, 0.3, 0.2),) * 2, ((0.5, 0.5, 0.5), (0.5, 0.4, 0.5))))
    north = found.of("rate effect", "region=North")

    assert value(found, "rate effect") == pytest.approx(-3, abs=1)
    assert value(found, "mix effect") == pytest.approx(0, abs=1e-9)
    assert north.low < -3 < north.high
    assert north.high < -2
    assert abs(value(found, "rate effect", "region=East")) < 0.7
    assert found.tables["contributions"].iloc[0]["level"] in {"North", "Core"}


def test_swapping_the_periods_flips_the_signs(mixed: SimpleNamespace, decomposed: Callable) -> None:
    """The change backwards is the change forwards with the other sign, its parts to the draws' noise."""
    back = decomposed(mixed.cells, replace(QUESTION, baseline=("2024",), current=("2023",)))

    assert value(back, "change in win rate") == pytest.approx(-value(mixed.evidence, "change in win rate"), abs=1e-9)
    for quantity in ("rate effect", "mix effect", "mix effect of region"):
        here, there = mixed.evidence.of(quantity), back.of(quantity)
        assert there.value == pytest.approx(-here.value, abs=0.1 * (here.high - here.low))


def test_levels_of_one_period_only_have_a_rate_in_the_other() -> None:
    """A region that closed and one that opened count in the mix; periods on neither side are left out."""
    cells = pd.DataFrame(
        {
            "region": ["East", "East", "North", "West", "East"],
            "product": ["Core", "Core", "Core", "Pro", "Pro"],
            "created_year": ["2023", "2024", "2023", "2024", "2022"],
            "deals": [40, 60, 30, 20, 99],
            "won": [20, 24, 9, 12, 9],
        }
    )
    found = compared(QUESTION, cells)

    assert found.cells["region"].tolist() == ["East", "North", "West"]
    assert [side.tolist() for side in found.deals] == [[40, 30, 0], [60, 0, 20]]
    assert found.change == pytest.approx(36 / 80 - 29 / 70)
    assert found.mix.now.sum() == pytest.approx(1)


def test_a_question_without_two_periods_is_refused() -> None:
    """Every missing field at once, and what to write there."""
    with pytest.raises(QuestionError) as caught:
        Decomposition().need(WinRates(("region",)))

    assert [fault.partition(":")[0] for fault in caught.value.faults] == ["time", "baseline", "current"]
    assert "set time: created" in caught.value.faults[0]
    assert "[2024Q1]" in caught.value.faults[2]
    with pytest.raises(QuestionError, match="at most 10 columns, got 11"):
        Decomposition().need(WinRates(tuple(f"column {number}" for number in range(11)), **YEARS))


def test_checks_are_not_given_cells_that_are_not_the_samples(mixed: SimpleNamespace) -> None:
    """The posterior is there for convergence, without the cells of both sides, which other checks would take for the sample's."""
    assert "constant_data" not in mixed.evidence.posterior.children
    assert mixed.evidence.posterior.attrs["engine"] in {"laplace", "nuts"}
