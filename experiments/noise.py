"""Does the model stay quiet where there is nothing, and speak where there is something?"""

import math
from dataclasses import dataclass
from typing import Annotated, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc

from whywin.fanning import values
from whywin.settings import check_settings
from whywin.stats.proportions import wilson
from whywin.stats.streams import stream

STATEMENT: Final = "On worlds without differences the model names no segment in at least 95 of 100 worlds."
QUIET: Final = 0.95
NULL: Final = "no differences"
REAL: Final = "differences"


@dataclass(frozen=True)
class Noise:
    """Settings of the experiment."""

    worlds: Annotated[int, Ge(2), doc("made-up worlds in each arm: one arm without differences, one with")] = 100
    deals: Annotated[int, Ge(200), doc("deals created in a world")] = 4000
    segment_sd: Annotated[float, Ge(0), doc("in the arm with differences, how far levels of a segment differ, in logits")] = 0.25
    rep_sd: Annotated[float, Ge(0), doc("in the arm with differences, how far reps differ, in logits")] = 0.15
    margin: Annotated[float, Ge(0), doc("a difference smaller than this, in points, is of no interest")] = 1.0
    large: Annotated[float, Ge(0), doc("a true difference of this many points or more is large; its power is told apart")] = 5.0
    sure: Annotated[float, Gt(0.5), Lt(1), doc("a segment is named as different with this posterior probability")] = 0.99
    draws: Annotated[int, Ge(100), doc("draws kept of each chain")] = 500
    tune: Annotated[int, Ge(100), doc("tuning draws of each chain")] = 500
    chains: Annotated[int, Ge(2), doc("chains of a fit")] = 2
    seed: Annotated[int, Ge(0), doc("what every random number starts from")] = 20_261
    processes: Annotated[int, Ge(1), doc("worlds answered at the same time; the numbers do not depend on it")] = 4

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)


def simulate(settings: Noise) -> pd.DataFrame:
    """Return one row a world: how many segments were named, how many rightly, and how sure the model was of the surest."""
    jobs = [(arm, number) for arm in (NULL, REAL) for number in range(settings.worlds)]
    answered = values(_answered, [(settings, [job]) for job in jobs], what="worlds", usual=settings.processes)
    rows = [row for batch in answered for row in batch]
    return pd.DataFrame(rows).sort_values(["arm", "world"], ascending=[False, True], ignore_index=True)


def verdict(table: pd.DataFrame) -> tuple[bool, str]:
    """Return whether the model stayed quiet often enough, and what it saw where there was something."""
    null, real = table[table["arm"] == NULL], table[table["arm"] == REAL]
    quiet, worlds = int((null["named"] == 0).sum()), len(null)
    low, high = (100 * float(end) for end in wilson(quiet, worlds, 0.95))
    named, right = int(real["named"].sum()), int(real["rightly"].sum())
    large, found = int(real["large"].sum()), int(real["large_named"].sum())
    says = (
        f"Quiet in {quiet} of {worlds} worlds without differences (95 % Monte Carlo interval {low:.1f} to {high:.1f} %); "
        f"with differences it named {named:,} segments, {_share(named - right, named)} of them wrongly, "
        f"and found {found:,} of the {large:,} large differences ({_share(found, large)})."
    )
    return quiet >= QUIET * worlds, says


def _share(part: int, whole: int) -> str:
    """A share in percent with its Monte Carlo standard error."""
    share = part / max(whole, 1)
    return f"{100 * share:.1f} ± {100 * math.sqrt(share * (1 - share) / max(whole, 1)):.1f} %"


def _answered(settings: Noise, jobs: list[tuple[str, int]]) -> list[dict[str, object]]:
    return [_world(settings, arm, number) for arm, number in jobs]


def _world(settings: Noise, arm: str, number: int) -> dict[str, object]:
    from whywin.deals.contract import Contract
    from whywin.deals.read import keep_contract
    from whywin.winrates.methods.hierarchical import Hierarchical
    from whywin.winrates.question import WinRates
    from whywin.worlds import market

    world = market.simulate(_market(settings, arm, number))
    deals = keep_contract(world.tables["deals"], Contract(won=("Won",), lost=("Lost",), open=("Open",))).table
    question = WinRates(("industry", "region", "product", "lead_source"), rep="rep", time="created", margin=settings.margin)
    method = Hierarchical(draws=settings.draws, tune=settings.tune, chains=settings.chains, sure=settings.sure)
    evidence = method.answer(question, method.need(question).sample(deals), stream(settings.seed, f"{arm} {number}"))
    found = evidence.tables["segments"]
    rates = world.truth[world.truth["quantity"] == "win rate"].drop_duplicates("segment").set_index("segment")["value"]
    # Without differences nothing may be named: what is left in the truth there is the luck of which deals came to a level.
    off = (rates[found["dimension"] + "=" + found["level"]].to_numpy() - rates["all"]) * (arm == REAL)
    beyond = np.sign(off) * (np.abs(off) > settings.margin)
    side = np.where(found["p_above"] > found["p_below"], 1, -1) * found["different"].to_numpy()
    large = np.abs(off) >= max(settings.large, settings.margin)
    return {
        "arm": arm,
        "world": number,
        "segments": len(found),
        "named": int((side != 0).sum()),
        "rightly": int(((side == beyond) & (side != 0)).sum()),
        "large": int(large.sum()),
        "large_named": int(((side == beyond) & large).sum()),
        "surest": float(found[["p_below", "p_above"]].max(axis=1).max()),
    }


def _market(settings: Noise, arm: str, number: int) -> object:
    from whywin.worlds.market import Market

    seed = int(stream(settings.seed, f"{arm} {number} world").integers(2**31))
    still = {"rate_shift": 0.0, "mix_shift": 0.0, "effect": 0.0, "effect_variation": 0.0}
    if arm == NULL:
        return Market(seed=seed, deals=settings.deals, segment_sd=0.0, rep_sd=0.0, **still)
    return Market(seed=seed, deals=settings.deals, segment_sd=settings.segment_sd, rep_sd=settings.rep_sd, **still)


if __name__ == "__main__":
    from whywin.experiment import conduct

    raise SystemExit(conduct(Noise, STATEMENT, simulate, verdict))
