"""Who and what deals are made of: segments, reps, and what is known when a deal is created."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from whywin.stats.streams import stream
from whywin.worlds.knobs import Market

SEGMENTS: Final[Mapping[str, tuple[tuple[str, float], ...]]] = {
    "industry": (("SaaS", 0.30), ("FinTech", 0.22), ("EdTech", 0.13), ("HealthTech", 0.20), ("Retail", 0.15)),
    "region": (("North", 0.32), ("South", 0.24), ("East", 0.26), ("West", 0.18)),
    "product": (("Core", 0.50), ("Pro", 0.33), ("Enterprise", 0.17)),
    "lead_source": (("Inbound", 0.34), ("Referral", 0.22), ("Partner", 0.18), ("Outbound", 0.26)),
}
KNOWN: Final = {"engagement": 0.55, "champion": 0.45, "size": -0.15}  # logits a unit


def segment_effects(market: Market) -> dict[str, dict[str, float]]:
    """Return each level's effect in logits: centred, with exactly the standard deviation that the market names."""
    effects = {}
    for name, levels in SEGMENTS.items():
        draws = stream(market.seed, f"effects of {name}").normal(size=len(levels))
        centred = draws - draws.mean()
        scaled = market.segment_sd * centred / centred.std()
        effects[name] = {label: float(effect) for (label, _), effect in zip(levels, scaled, strict=True)}
    return effects


def rep_sizes(rng: np.random.Generator, reps: int, variation: float) -> NDArray[np.float64]:
    """Return each rep's share of the deals: gamma weights with the coefficient of variation."""
    weights = rng.gamma(1 / variation**2, size=reps) if variation > 0.01 else np.ones(reps)  # noqa: PLR2004 - as good as equal
    return weights / weights.sum()


def newborn(market: Market, part: str, shifted: NDArray[np.bool_]) -> pd.DataFrame:
    """Return what is known of each deal at its creation; `shifted` says which deals have the changed mix of lead sources."""
    count = len(shifted)
    columns: dict[str, object] = {}
    effects = segment_effects(market)
    for name, levels in SEGMENTS.items():
        labels, shares = zip(*levels, strict=True)
        rng = stream(market.seed, f"{part} {name}")
        drawn = rng.choice(np.array(labels, dtype=object), size=count, p=np.array(shares))
        if name == "lead_source":
            weakest = min(effects[name], key=lambda label: effects["lead_source"][label])
            drawn = np.where(shifted & (rng.uniform(size=count) < market.mix_shift), weakest, drawn)
        columns[name] = drawn
    rng = stream(market.seed, f"{part} what is known")
    columns["engagement"] = rng.normal(size=count).round(2)
    columns["champion"] = (rng.uniform(size=count) < 0.4).astype(int)  # noqa: PLR2004 - the market's share of champions
    columns["amount"] = np.exp(9.6 + 0.8 * rng.normal(size=count)).round(0)
    return pd.DataFrame(columns)


def chance_in_logits(market: Market, known: pd.DataFrame, skill: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each deal's chance of being won without any intervention, in logits."""
    logits = np.full(len(known), float(logit(market.win_rate / 100))) + skill
    for name, effects in segment_effects(market).items():
        logits += known[name].map(effects).to_numpy(dtype=float)
    known_logits = KNOWN["engagement"] * known["engagement"].to_numpy()
    known_logits += KNOWN["champion"] * (known["champion"].to_numpy() - 0.4)
    return np.asarray(logits + market.known_strength * (known_logits + KNOWN["size"] * size(known)))


def size(known: pd.DataFrame) -> NDArray[np.float64]:
    """Return the log amount in standard deviations from its mean."""
    return np.asarray((np.log(known["amount"].to_numpy(dtype=float)) - 9.6) / 0.8)
