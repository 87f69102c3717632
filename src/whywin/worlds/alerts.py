"""Alerts that fire where a risk score reaches a threshold."""

import numpy as np

from whywin.stats.streams import stream
from whywin.worlds.knobs import Market
from whywin.worlds.natural import Natural, exported, known_chance, known_of, quarters_of

QUANTITY = "effect at the threshold"


def fired_alerts(market: Market) -> Natural:
    """Simulate deals with a risk score; the riskier, the less often they are won, the more steeply the riskier, and the more an alert helps."""
    known = known_of(market, "alerts")
    _, created = quarters_of(market, "alerts")
    rng = stream(market.seed, "alerts")
    warmth = np.clip(known["engagement"].to_numpy(dtype=float), -2, 2)
    score = np.clip(100 * rng.beta(3, 2.2, size=market.deals) - 3 * warmth, 0, 100).round(2)
    away = (score - market.threshold) / 100
    fired = score >= market.threshold
    without = market.win_rate / 100 - 0.35 * away - 0.4 * away**2 + known_chance(market, known)
    lift = market.fired_effect / 100 + 0.15 * away
    table = exported(
        market, "alerts", created, known, {"risk_score": score, "alerted": fired.astype(int)}, without + lift * fired
    )
    effects = {(QUANTITY, "all"): market.fired_effect}
    if fired.any():
        effects["effect on the treated", "all"] = 100 * float(lift[fired].mean())
    return Natural(table, effects)
