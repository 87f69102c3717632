"""Do pooled intervals cover, with alpha and beta integrated out and with their most likely values plugged in?"""

import math
from dataclasses import dataclass
from typing import Annotated, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc

from whywin.settings import check_settings
from whywin.stats.streams import stream

STATEMENT: Final = "With alpha and beta integrated out, intervals of levels' win rates hold the truth as often as they say."
WAYS: Final = ("integrated", "plugged_in")


@dataclass(frozen=True)
class EmpiricalBayes:
    """Settings of the experiment."""

    worlds: Annotated[int, Ge(2), doc("made-up tables of each kind")] = 300
    levels: Annotated[tuple[int, ...], doc("numbers of levels, each with every spread")] = (3, 8, 40)
    deals_per_level: Annotated[int, Ge(2), doc("closed deals of a level, on average; sizes differ fourfold")] = 50
    spreads: Annotated[tuple[float, ...], doc("standard deviations between levels, in points")] = (0.0, 3.0, 8.0)
    win_rate: Annotated[float, Gt(0), Lt(100), doc("mean win rate, in percent")] = 40.0
    level: Annotated[float, Gt(0), Lt(1), doc("coverage that the intervals promise")] = 0.95
    seed: Annotated[int, Ge(0), doc("what every random number starts from")] = 20_265

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)


def simulate(settings: EmpiricalBayes) -> pd.DataFrame:
    """Return one row a number of levels, a spread and a way: coverage with its Monte Carlo error, width, and squared error."""
    rows = [
        row for count in settings.levels for shape in ("beta", "normal in logits") for spread in settings.spreads
        for row in _kind(settings, count, spread, shape) if spread or shape == "beta"
    ]  # fmt: skip
    return pd.DataFrame(rows)


def verdict(table: pd.DataFrame) -> tuple[bool, str]:
    """Return whether the integrated intervals cover in every kind of table, but for three Monte Carlo standard errors."""
    parts, low = [], {}
    for way in WAYS:
        own = table[table["way"] == way]
        worst = own.loc[own["coverage"].idxmin()]
        low[way] = int((own["promised"] - own["coverage"] > 3 * own["monte_carlo"]).sum())
        where = f"{worst['levels']} levels, {worst['spread']:g} points apart"
        parts.append(
            f"{way.replace('_', ' ')}: lowest {100 * worst['coverage']:.1f} % ({where}), too low in {low[way]} of {len(own)} kinds"
        )
    return low["integrated"] == 0, f"{'; '.join(parts)}; {100 * table['promised'].iloc[0]:g} % is promised."


def _kind(settings: EmpiricalBayes, count: int, spread: float, shape: str) -> list[dict[str, object]]:
    from whywin.winrates.methods import empirical_bayes
    from whywin.winrates.question import WinRates

    question = WinRates(("segment",), level=settings.level)
    found: dict[str, list[tuple[float, float, float, float]]] = {way: [] for way in WAYS}
    for number in range(settings.worlds):
        rng = stream(settings.seed, f"{count} {spread} {shape} {number}")
        rates = _rates(settings, count, spread, shape, rng)
        deals = np.maximum(1, (settings.deals_per_level * np.exp(rng.uniform(-np.log(2), np.log(2), count))).astype(int))
        cells = pd.DataFrame({"segment": [f"{i:03d}" for i in range(count)], "deals": deals, "won": rng.binomial(deals, rates)})
        if not 0 < cells["won"].sum() < cells["deals"].sum():
            continue
        raw = np.mean((100 * cells["won"] / cells["deals"] - 100 * rates) ** 2)
        for way in WAYS:
            table = empirical_bayes.EmpiricalBayes(hyperparameters=way).answer(question, cells, rng).tables["shrinkage"]
            held = (table["low"] <= 100 * rates + 1e-9) & (100 * rates - 1e-9 <= table["high"])
            width, error = (table["high"] - table["low"]).mean(), np.mean((table["pooled"] - 100 * rates) ** 2)
            found[way].append((held.mean(), width, error, raw))
    rows = []
    for way, values in found.items():
        held, width, error, raw = np.array(values).T
        error_of_coverage = held.std(ddof=1) / math.sqrt(len(held))
        rows.append(
            {
                "levels": count, "spread": spread, "shape": shape, "way": way, "coverage": held.mean(), "monte_carlo": error_of_coverage,
                "promised": settings.level, "width": width.mean(), "squared_error": error.mean(), "raw_squared_error": raw.mean(),
            }
        )  # fmt: skip
    return rows


def _rates(settings: EmpiricalBayes, count: int, spread: float, shape: str, rng: np.random.Generator) -> np.ndarray:
    from scipy.special import expit, logit

    mean, sd = settings.win_rate / 100, spread / 100
    if not spread:
        return np.full(count, mean)
    if shape == "beta":
        precision = mean * (1 - mean) / sd**2 - 1
        return rng.beta(mean * precision, (1 - mean) * precision, count)
    return np.asarray(expit(logit(mean) + sd / (mean * (1 - mean)) * rng.normal(size=count)))


if __name__ == "__main__":
    from whywin.experiment import conduct

    raise SystemExit(conduct(EmpiricalBayes, STATEMENT, simulate, verdict))
