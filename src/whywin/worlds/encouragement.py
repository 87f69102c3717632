"""Executive calls that are suggested by chance, to reps who make them where they feel that a deal is hot."""

import numpy as np
from scipy.special import expit

from whywin.stats.streams import stream
from whywin.worlds.knobs import Market
from whywin.worlds.natural import Natural, exported, known_chance, known_of, quarters_of
from whywin.worlds.people import rep_sizes


def suggested_calls(market: Market) -> Natural:
    """Simulate deals of which half get a suggestion; how hot a deal is moves both the call and the outcome, and nobody recorded it."""
    known = known_of(market, "suggestions")
    _, created = quarters_of(market, "suggestions")
    rng = stream(market.seed, "suggestions")
    rep = rng.choice(market.reps, size=market.deals, p=rep_sizes(rng, market.reps, market.rep_size_variation))
    heat = np.clip(rng.normal(size=market.deals), -2, 2)
    suggested = rng.integers(2, size=market.deals)
    urge, luck = -1.5 + heat + 0.4 * known["engagement"].to_numpy(dtype=float), rng.uniform(size=market.deals)
    anyway, if_suggested = luck < expit(urge), luck < expit(urge + market.suggestion)
    called = np.where(suggested == 1, if_suggested, anyway)
    lift = 0.10 + 0.02 * heat
    without = market.win_rate / 100 + 0.08 * heat + known_chance(market, known)
    names = np.array([f"R{number:03d}" for number in range(1, market.reps + 1)], dtype=object)
    further = {"rep": names[rep], "call_suggested": suggested, "executive_call": called.astype(int)}
    table = exported(market, "suggestions", created, known, further, without + lift * called)
    moved = if_suggested & ~anyway
    groups = {
        "effect on the compliers": moved,
        "effect on the treated": called,
        "effect on all deals": np.ones(len(lift), dtype=bool),
    }
    return Natural(table, {(name, "all"): 100 * float(lift[who].mean()) for name, who in groups.items() if who.any()})
