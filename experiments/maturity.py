"""Does the forecast of a young cohort's final win rate say how uncertain it is?"""

from dataclasses import dataclass
from typing import Annotated, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, doc

from whywin.fanning import values
from whywin.settings import check_settings
from whywin.stats.proportions import wilson
from whywin.stats.streams import stream

LEVELS: Final = (0.95, 0.80, 0.50)
AGES: Final = (30, 60, 90)
STATEMENT: Final = (
    "On the 30th, 60th and 90th day of a cohort, the 95, 80 and 50 % intervals of the final win rate of its deals cover how they "
    "ended in 95, 80 and 50 % of made-up worlds or more, within two Monte Carlo standard errors."
)


@dataclass(frozen=True)
class Maturity:
    """Settings of the experiment."""

    worlds: Annotated[int, Ge(2), doc("made-up worlds; in each the latest cohort is forecast on three days")] = 200
    deals: Annotated[int, Ge(200), doc("deals created in a world, over six quarters")] = 2400
    rate_shift_sd: Annotated[
        float, Ge(0), doc("standard deviation over worlds of the shift of the win rate, in logits, which comes in one quarter")
    ] = 0.3
    cycle_shift_sd: Annotated[
        float, Ge(0), doc("standard deviation over worlds of the logarithm of how much longer lost deals take than won ones")
    ] = 0.3
    draws: Annotated[int, Ge(100), doc("draws kept of each chain")] = 500
    tune: Annotated[int, Ge(100), doc("tuning draws of each chain")] = 500
    chains: Annotated[int, Ge(2), doc("chains of a fit")] = 2
    seed: Annotated[int, Ge(0), doc("what every random number starts from")] = 20_263
    processes: Annotated[int, Ge(1), doc("worlds answered at the same time; the numbers do not depend on it")] = 4
    spread_points: Annotated[float, Gt(0), doc("the method's prior of how far cohorts differ, in points")] = 10.0

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)


def simulate(settings: Maturity) -> pd.DataFrame:
    """Return one row a world and day: the forecast of the latest cohort, how it ended, and where among the draws that was."""
    answered = values(
        _answered, [(settings, [number]) for number in range(settings.worlds)], what="worlds", usual=settings.processes
    )
    rows = pd.concat([rows for batch in answered for rows in batch])
    return rows.sort_values(["world", "age"], ignore_index=True)


def verdict(table: pd.DataFrame) -> tuple[bool, str]:
    """Return whether every interval covered often enough, and how the observed rate's own interval did beside them."""
    parts, held = [], True
    for level in LEVELS:
        share, error = _share(table, (table["place"] - 0.5).abs() <= level / 2)
        held &= share + 2 * error >= level
        parts.append(f"{100 * share:.1f} ± {100 * error:.1f} % for {100 * level:.0f} %")
    closed, error = _share(table, table["closed_covers"])
    widths = (table["high"] - table["low"]).groupby(table["age"]).mean()
    says = (
        f"Coverage: {', '.join(parts)}; mean width of the 95 % interval "
        f"{', '.join(f'{width:.1f} points on day {age}' for age, width in widths.items())}. "
        f"Wilson's 95 % interval of the deals that were closed on that day covers {100 * closed:.1f} ± {100 * error:.1f} %."
    )
    return held, says


def _share(table: pd.DataFrame, covered: pd.Series) -> tuple[float, float]:
    """The share of forecasts covered, and its standard error over worlds: the days of one world are not independent."""
    by_world = covered.groupby(table["world"]).mean()
    return float(by_world.mean()), float(by_world.std(ddof=1) / np.sqrt(len(by_world)))


def _answered(settings: Maturity, worlds: range | list[int]) -> list[pd.DataFrame]:
    return [_world(settings, number) for number in worlds]


def _world(settings: Maturity, number: int) -> pd.DataFrame:
    from whywin.deals.contract import Contract
    from whywin.deals.read import keep_contract
    from whywin.winrates.methods.maturity import Maturity as Method
    from whywin.winrates.question import WinRates
    from whywin.worlds.market import simulate as market_of

    raw = market_of(_market(settings, number)).tables["deals"]
    deals = keep_contract(raw, Contract(won=("Won",), lost=("Lost",), open=("Open",))).table
    question = WinRates(("industry",), time="created", level=LEVELS[0])
    method = Method(
        draws=settings.draws, tune=settings.tune, chains=settings.chains, spread_points=settings.spread_points,
        backtest_days=AGES, backtest_cohorts=1,
    )  # fmt: skip
    sample = method.need(question).sample(deals)
    found = method.answer(question, sample, stream(settings.seed, f"{number}")).tables["backtest"]
    closed = (found["decided"] / 100 * found["deals"]).round()
    low, high = wilson((closed * found["observed"].fillna(0) / 100).round(), closed, LEVELS[0])
    covers = (100 * low <= found["ended"]) & (found["ended"] <= 100 * high)
    kept = found[["age", "deals", "decided", "observed", "forecast", "low", "high", "ended", "place"]]
    kept.insert(0, "world", number)
    return kept.assign(closed_covers=covers)


def _market(settings: Maturity, number: int) -> object:
    """A world in which lost deals take longer or shorter than won ones and the win rate shifts in some quarter; all deals close."""
    from whywin.worlds.market import Market

    rng = stream(settings.seed, f"{number} world")
    return Market(
        seed=int(rng.integers(2**31)),
        deals=settings.deals,
        follow_up_days=5000,
        shift_quarter=int(rng.integers(2, 7)),
        rate_shift=float(settings.rate_shift_sd * rng.normal()),
        lost_cycle_ratio=float(np.exp(settings.cycle_shift_sd * rng.normal())),
    )


if __name__ == "__main__":
    from whywin.experiment import conduct

    raise SystemExit(conduct(Maturity, STATEMENT, simulate, verdict))
