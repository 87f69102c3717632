"""Do claims of the win rate to come hold as often as they say, in markets that drift little, some and much from quarter to quarter?"""

from dataclasses import dataclass
from datetime import date
from itertools import product
from typing import Annotated, Any

import pandas as pd
from annotated_types import Ge, Gt, Lt, MinLen, doc

from whywin.deals.contract import Contract
from whywin.deals.read import as_known_on, keep_contract
from whywin.experiment import conduct
from whywin.fanning import values
from whywin.stats.interval_score import share_of
from whywin.stats.streams import stream
from whywin.winrates.forecast import belongs, forecast
from whywin.winrates.methods.hierarchical import Hierarchical
from whywin.winrates.model import fitted_model
from whywin.winrates.question import WinRates
from whywin.worlds.knobs import Market
from whywin.worlds.market import simulate

SEGMENTS = ("all", "region=North", "lead_source=Inbound")
LAST = pd.Period("2024Q1")


@dataclass(frozen=True)
class Claims:
    """Settings of the experiment."""

    worlds: Annotated[int, Ge(2), doc("made-up markets of each drift")] = 40
    drifts: Annotated[tuple[float, ...], MinLen(1), doc("how far quarters differ, as standard deviations in logits")] = (
        0.0,
        0.1,
        0.2,
    )
    deals: Annotated[int, Ge(500), doc("deals of a market over seven quarters")] = 3000
    level: Annotated[float, Gt(0), Lt(1), doc("probability that is claimed")] = 0.8
    seed: Annotated[int, Ge(0), doc("start of the random numbers")] = 20267
    processes: Annotated[int, Ge(1), doc("worlds that are simulated side by side")] = 4


def simulated(settings: Claims) -> pd.DataFrame:
    """Return one row a claim: drift, world, segment, low, high, found, held."""
    jobs = list(product(settings.drifts, range(settings.worlds)))
    found = values(claimed, [(settings, drift, world) for drift, world in jobs], what="worlds", usual=settings.processes)
    return pd.DataFrame([row for rows in found for row in rows])


def claimed(settings: Claims, drift: float, world: int) -> list[dict[str, Any]]:
    """Claim the next quarter from the five quarters before it, and look."""
    seed = int(stream(settings.seed, f"{drift} {world}").integers(2**31))
    # Without a shift: it is a surprise of nine points, which no interval from the past foresees.
    market = Market(seed=seed, deals=settings.deals, quarter_sd=drift, rate_shift=0.0, mix_shift=0.0, quarters=7)
    labels = Contract(won=("Won",), lost=("Lost",), open=("Open",))
    table = keep_contract(simulate(market).tables["deals"], labels).table
    after, due = LAST.end_time.normalize(), (LAST + 1).end_time.normalize()
    known = as_known_on(table, date(after.year, after.month, after.day))
    question = WinRates(segments=("industry", "region", "product", "lead_source"), rep="rep", time="closed")
    method = Hierarchical(draws=500, tune=500)
    need = method.need(question)
    tree = method.answer(question, need.sample(known), stream(seed, "hierarchical")).posterior
    model = fitted_model(need, known, tree, 0.95, 1)
    window = table[(table["closed"] > after) & (table["closed"] <= due)]
    rows = []
    for segment in SEGMENTS:
        made = forecast(question, model, known, segment, after, due, settings.level, stream(seed, segment))
        seen = 100 * float(window.loc[belongs(window, segment), "won"].mean())
        held = made.low <= seen <= made.high
        rows.append(
            {"drift": drift, "world": world, "segment": segment, "low": made.low, "high": made.high, "found": seen, "held": held}
        )
    return rows


def verdict(table: pd.DataFrame) -> tuple[bool, str]:
    """Judge that over all drifts the share is between 70 and 90 %, and that no drift falls short of 70 % beyond chance."""
    whole = share_of(int(table["held"].sum()), len(table))
    parts = {drift: share_of(int(part["held"].sum()), len(part)) for drift, part in table.groupby("drift")}
    short = [drift for drift, part in parts.items() if part.high < 0.7]  # noqa: PLR2004 - the bar
    listed = ", ".join(f"{100 * part.value:.0f} % at a drift of {drift:g}" for drift, part in parts.items())
    width = table.assign(width=table["high"] - table["low"]).groupby("segment")["width"].mean()
    wide = ", ".join(f"{segment} {points:.1f}" for segment, points in width.items())
    says = f"{100 * whole.value:.1f} % of {len(table)} claims held ({listed}); mean widths in points: {wide}."
    return 0.7 <= whole.value <= 0.9 and not short, says  # noqa: PLR2004 - the bar


if __name__ == "__main__":
    raise SystemExit(
        conduct(
            Claims,
            "Claims of the next quarter's win rate made with 80 % probability hold 70 to 90 % of the time.",
            simulated,
            verdict,
        )
    )
