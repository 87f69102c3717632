"""Do the parts of a change hold the truth as often as their intervals say?"""

import math
from dataclasses import dataclass
from typing import Annotated, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc

from whywin.fanning import values
from whywin.settings import check_settings
from whywin.stats.streams import stream

STATEMENT: Final = (
    "Intervals of the rate effect, of every mix effect and of every segment's part hold the truth as often as they say."
)
STILL: Final = "nothing moved"
MOVED: Final = "rates and mix moved"
MARKET: Final = "embedded market"
ARMS: Final = (STILL, MOVED, MARKET)
SIZES: Final = {"industry": 5, "region": 4, "product": 3}


@dataclass(frozen=True)
class Decomposition:
    """Settings of the experiment."""

    worlds: Annotated[int, Ge(2), doc("made-up worlds in each arm")] = 200
    deals: Annotated[int, Ge(200), doc("closed deals of a world, two thirds of them before")] = 3000
    level_sd: Annotated[float, Ge(0), doc("how far levels of a dimension differ, in logits")] = 0.25
    moving_sd: Annotated[float, Ge(0), doc("where rates moved: how far levels of a dimension move apart, in logits")] = 0.15
    shift: Annotated[float, doc("where rates moved: the company's change, in logits")] = -0.35
    mix_shift: Annotated[float, Ge(0), Lt(1), doc("where the mix moved: share of deals that goes to the first industry")] = 0.15
    level: Annotated[float, Gt(0), Lt(1), doc("coverage that the intervals promise")] = 0.95
    seed: Annotated[int, Ge(0), doc("what every random number starts from")] = 20_264
    processes: Annotated[int, Ge(1), doc("worlds answered at the same time; the numbers do not depend on it")] = 4

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)


def simulate(settings: Decomposition) -> pd.DataFrame:
    """Return one row an arm, a world and a quantity: how many of its intervals held the truth, their widths and errors."""
    jobs = [(arm, number) for arm in ARMS for number in range(settings.worlds)]
    answered = values(_answered, [(settings, [job]) for job in jobs], what="worlds", usual=settings.processes)
    table = pd.DataFrame([row for batch in answered for row in batch])
    grouped = table.groupby(["arm", "quantity", "world"], sort=False)
    held = grouped.agg(
        held=("held", "mean"), width=("width", "mean"), error=("error", "mean"), sampled=("sampled", "mean")
    ).reset_index()
    coverage = held.groupby(["arm", "quantity"], sort=False).agg(
        worlds=("world", "size"),
        coverage=("held", "mean"),
        monte_carlo=("held", lambda one: one.std(ddof=1) / math.sqrt(len(one))),
        width=("width", "mean"),
        bias=("error", "mean"),
        sampled=("sampled", "mean"),
    )
    order = {arm: place for place, arm in enumerate(ARMS)}
    return (
        coverage.assign(promised=settings.level).reset_index().sort_values("arm", key=lambda one: one.map(order), kind="stable")
    )


def verdict(table: pd.DataFrame) -> tuple[bool, str]:
    """Return whether every coverage is what is promised or more, but for three Monte Carlo standard errors."""
    short = table["promised"] - table["coverage"] - 3 * table["monte_carlo"]
    worst = table.loc[table["coverage"].idxmin()]
    says = (
        f"Of {len(table)} coverages the lowest is {100 * worst['coverage']:.1f} ± {100 * worst['monte_carlo']:.1f} % "
        f"({worst['quantity']}, {worst['arm']}), where {100 * worst['promised']:g} % is promised; "
        f"{int((short > 0).sum())} are too low by more than three Monte Carlo errors."
    )
    return not (short > 0).any(), says


def _answered(settings: Decomposition, jobs: list[tuple[str, int]]) -> list[dict[str, object]]:
    return [row for arm, number in jobs for row in _world(settings, arm, number)]


def _world(settings: Decomposition, arm: str, number: int) -> list[dict[str, object]]:
    from whywin.winrates.methods import decomposition

    rng = stream(settings.seed, f"{arm} {number}")
    question, cells, truth = _market(settings, number) if arm == MARKET else _cells(settings, arm, rng)
    evidence = decomposition.Decomposition().answer(question, cells, rng)
    return [
        {
            "arm": arm,
            "world": number,
            "quantity": one.quantity if one.segment == "all" else f"{one.quantity} by segment",
            "held": one.low <= truth[one.quantity, one.segment] <= one.high,
            "width": one.high - one.low,
            "error": one.value - truth[one.quantity, one.segment],
            "sampled": evidence.posterior.attrs["engine"] == "nuts",
        }
        for one in evidence.estimates
        if (one.quantity, one.segment) in truth
    ]


def _cells(settings: Decomposition, arm: str, rng: np.random.Generator) -> tuple[object, pd.DataFrame, dict]:
    """Return cells of two years whose chances are known, and the same parts of the change made from those chances."""
    from scipy.special import expit

    from whywin.stats.decomposition import effects
    from whywin.winrates.decomposing import compared
    from whywin.winrates.question import WinRates

    moved = arm == MOVED
    codes = np.array(np.unravel_index(np.arange(np.prod(list(SIZES.values()))), tuple(SIZES.values())))
    odds, drift, share = np.full(codes.shape[1], -0.3), np.full(codes.shape[1], settings.shift * moved), np.ones(codes.shape[1])
    for row, count in zip(codes, SIZES.values(), strict=True):
        odds += settings.level_sd * rng.normal(size=count)[row]
        drift += moved * settings.moving_sd * rng.normal(size=count)[row]
        share = share * rng.dirichlet(np.full(count, 5.0))[row]
    later = share * (1 - settings.mix_shift * moved)
    later[codes[0] == 0] *= 1 + settings.mix_shift * moved / (1 - settings.mix_shift * moved) / share[codes[0] == 0].sum()
    sizes = (2 * settings.deals // 3, settings.deals - 2 * settings.deals // 3)
    frames = []
    for year, size, mix, chance in (("2023", sizes[0], share, expit(odds)), ("2024", sizes[1], later, expit(odds + drift))):
        deals = rng.multinomial(size, mix / mix.sum())
        labels = {name: np.array([f"{name} {code}" for code in row]) for name, row in zip(SIZES, codes, strict=True)}
        frames.append(pd.DataFrame({**labels, "created_year": year, "deals": deals, "won": rng.binomial(deals, chance)}))
    cells = pd.concat(frames, ignore_index=True).query("deals > 0").reset_index(drop=True)
    question = WinRates(tuple(SIZES), time="created", grain="year", baseline=("2023",), current=("2024",), level=settings.level)
    found = compared(question, cells)
    place = np.ravel_multi_index(
        [found.cells[name].str.split().str[1].astype(int).to_numpy() for name in SIZES], tuple(SIZES.values())
    )
    true = effects(found.mix, expit(odds)[None, place], expit(odds + drift)[None, place])
    return question, cells, _truth(found, true)


def _truth(found: object, true: object) -> dict:
    named = [f"mix effect of {name}" for name in (*SIZES, "combinations")]
    whole = {"rate effect": true.rate[0], "mix effect": true.mix.sum(), **dict(zip(named, true.mix[0], strict=True))}
    whole["change in win rate"] = whole["rate effect"] + whole["mix effect"]
    parts = {
        ("rate effect", f"{name}={label}"): part for (name, label), part in zip(found.levels, true.rate_by_level[0], strict=True)
    }
    return {
        key: 100 * float(value) for key, value in {**{(name, "all"): value for name, value in whole.items()}, **parts}.items()
    }


def _market(settings: Decomposition, number: int) -> tuple[object, pd.DataFrame, dict]:
    """Return cells of the embedded market by lead source alone, which its truth is about."""
    from whywin.deals.contract import Contract
    from whywin.deals.read import keep_contract
    from whywin.winrates.question import WinRates
    from whywin.worlds import market

    seed = int(stream(settings.seed, f"market {number}").integers(2**31))
    world = market.simulate(market.Market(seed=seed, deals=settings.deals))
    deals = keep_contract(world.tables["deals"], Contract(won=("Won",), lost=("Lost",), open=("Open",))).table
    periods = {"baseline": ("2023Q1", "2023Q2", "2023Q3", "2023Q4"), "current": ("2024Q1", "2024Q2")}
    question = WinRates(("lead_source",), time="created", level=settings.level, **periods)
    known = world.truth[
        (world.truth["table"] == "deals") & world.truth["quantity"].isin(["rate effect", "mix effect", "change in win rate"])
    ]
    truth = {(row["quantity"], row["segment"]): row["value"] for row in known.to_dict("records") if row["segment"] == "all"}
    return question, question.cells.sample(deals), truth


if __name__ == "__main__":
    from whywin.experiment import conduct

    raise SystemExit(conduct(Decomposition, STATEMENT, simulate, verdict))
