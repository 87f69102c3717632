"""Why the win rate moved: because rates changed, because the mix of deals changed, or by chance."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc
from numpy.typing import NDArray

from whywin.deals.need import Cells
from whywin.errors import QuestionError
from whywin.evidence import Check, Design, Estimate, Evidence
from whywin.settings import check_settings
from whywin.stats.decomposition import Effects
from whywin.stats.proportions import newcombe, wilson
from whywin.winrates.convergence import unusable
from whywin.winrates.decomposing import Compared, compared, contributions, drawn, effects_of, without_cells
from whywin.winrates.priors import Priors
from whywin.winrates.question import WinRates
from whywin.winrates.sampling import Effort

Floats = NDArray[np.float64]
MOST_DIMENSIONS: Final = 10  # 1,024 sets of dimensions


@dataclass(frozen=True)
class Decomposition:
    """The change of the win rate taken apart: rate effect, mix effect of each dimension, and chance, which sum to it exactly.

    Rates are draws from a partially pooled model in which each segment may move in its own way between the two periods; the mix is
    as it was. In every draw the rate effect and the mix effect sum to the change of the modelled rates, and chance is the rest of the
    observed change: deals won or lost beyond what their rates say. So the observed change is not in doubt, and its parts are. Its own
    interval, Newcombe's, is about the change of the rates behind it.
    Sources: Kitagawa (1955), Components of a difference between two rates, JASA 50, 1168-1194; Shorrocks (2013), Decomposition
    procedures for distributional analysis, Journal of Economic Inequality 11, 99-126.
    """

    design: ClassVar[Design] = "description"

    engine: Annotated[
        Literal["auto", "laplace", "nuts"],
        doc(
            "laplace: seconds at any number of deals; nuts: long chains; auto: laplace where its k-hat is below 0.5, otherwise nuts"
        ),
    ] = "auto"
    draws: Annotated[int, Ge(100), doc("draws kept of each chain")] = 500
    tune: Annotated[int, Ge(100), doc("draws of each chain spent on tuning, and thrown away")] = 800
    chains: Annotated[int, Ge(2), doc("independent chains; convergence is judged by comparing them")] = 4
    target_accept: Annotated[float, Gt(0.5), Lt(1), doc("how careful the sampler's steps are; more is slower and safer")] = 0.95
    spread_points: Annotated[
        float,
        Gt(0),
        doc("prior: levels differ, and move, by a standard deviation of this many points or less, two times in three"),
    ] = 10.0
    company_points: Annotated[
        float, Gt(0), doc("prior: standard deviation, in points, of the company's win rate about the observed one")
    ] = 25.0

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: WinRates) -> Cells:
        """Counts by every dimension, of which one is the period."""
        faults = list(_faults(question))
        if faults:
            raise QuestionError(faults)
        return question.cells

    def answer(self, question: WinRates, cells: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return the change and its parts in points, and the table of what each segment contributes to them."""
        found = compared(question, cells)
        crossed = tuple(pair for pair in question.cross if question.period not in pair)
        effort = Effort(self.draws, self.tune, self.chains, self.target_accept)
        tree = drawn(found, crossed, self.priors(found), effort, rng, self.engine)
        reason = unusable(tree)
        if reason:
            return Evidence(
                (), (Check("convergence", passed=False, severity="fatal", says=reason, value=0.0),), posterior=without_cells(tree)
            )
        effect = effects_of(tree, found.mix)
        estimates = (_company(question, cells), _change(question, found), *_parts(question, found, effect))
        tables = {"decomposition": _whole(found, estimates), "contributions": contributions(found, effect, question.level)}
        return Evidence(estimates, tables=tables, posterior=without_cells(tree))

    def priors(self, found: Compared) -> Priors:
        """Return the priors in logits: a point at the overall rate p is 0.01 / (p (1 - p)) logits."""
        rate = float(np.clip(sum(won.sum() for won in found.won) / sum(deals.sum() for deals in found.deals), 0.01, 0.99))
        point = 0.01 / (rate * (1 - rate))
        return Priors(float(np.log(rate / (1 - rate))), self.company_points * point, self.spread_points * point)


def _faults(question: WinRates) -> Iterator[str]:
    if not question.time:
        yield "time: decomposition compares two periods, the question has none; set time: created or time: closed"
    for side in ("baseline", "current"):
        if not getattr(question, side):
            yield f"{side}: decomposition compares two periods, {side} is empty; name its periods, such as [2024Q1]"
    count = len([name for name in question.dimensions if name != question.period])
    if count > MOST_DIMENSIONS:
        yield f"segments: decomposition shares the mix effect out among at most {MOST_DIMENSIONS} columns, got {count}; leave some out"


def _company(question: WinRates, cells: pd.DataFrame) -> Estimate:
    deals, won = int(cells["deals"].sum()), int(cells["won"].sum())
    low, high = wilson(won, deals, question.level)
    return Estimate("win rate", "all", 100 * won / deals, 100 * float(low), 100 * float(high), question.level, deals, "percent")


def _change(question: WinRates, found: Compared) -> Estimate:
    (before, now), (won_before, won_now) = ([float(one.sum()) for one in pair] for pair in (found.deals, found.won))
    low, high = (100 * float(end) for end in newcombe((won_now, won_before), (now, before), question.level))
    return Estimate("change in win rate", "all", 100 * found.change, low, high, question.level, int(before + now), "points")


def _parts(question: WinRates, found: Compared, effect: Effects) -> Iterator[Estimate]:
    """Yield the parts of the change: those of the company sum to it exactly, those of a dimension's levels to the rate effect."""
    deals = int(sum(one.sum() for one in found.deals))
    mix = effect.mix.sum(axis=1)
    parts = {"rate effect": effect.rate, "mix effect": mix, "chance": found.change - effect.rate - mix}
    named = [f"mix effect of {name}" for name in (*found.dimensions, "combinations")]
    for quantity, draws in (*parts.items(), *zip(named, effect.mix.T, strict=True)):
        yield _estimate(quantity, "all", draws, question.level, deals)
    sizes = dict(_sizes(found))
    for (segment, n), draws in zip(sizes.items(), effect.rate_by_level.T, strict=True):
        yield _estimate("rate effect", segment, draws, question.level, n)


def _sizes(found: Compared) -> Iterator[tuple[str, int]]:
    deals = found.deals[0] + found.deals[1]
    for name in found.dimensions:
        codes, labels = pd.factorize(found.cells[name], sort=True)
        for label, n in zip(labels, np.bincount(codes, deals), strict=True):
            yield f"{name}={label}", int(n)


def _estimate(quantity: str, segment: str, draws: Floats, level: float, n: int) -> Estimate:
    """Return mean and equal-tailed interval; the mean is not moved, since means have to sum to the change."""
    value = float(draws.mean())
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    ends = 100 * min(float(low), value), 100 * max(float(high), value)
    return Estimate(quantity, segment, 100 * value, *ends, level, n, "points")


def _whole(found: Compared, estimates: tuple[Estimate, ...]) -> pd.DataFrame:
    """Return one row a part of the change, in points: the last but one sum to the last."""
    named = [
        "rate effect",
        *(f"mix effect of {name}" for name in (*found.dimensions, "combinations")),
        "chance",
        "change in win rate",
    ]
    there = {one.quantity: one for one in estimates if one.segment == "all"}
    rows = [(name, there[name].value, there[name].low, there[name].high) for name in named]
    return pd.DataFrame(rows, columns=["part", "points", "low", "high"])
