"""What the tables of natural experiments share."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.stats.streams import stream
from whywin.worlds.knobs import Market
from whywin.worlds.people import newborn, size

COLUMNS = ["table", "quantity", "segment", "value", "unit"]


@dataclass(frozen=True, eq=False)
class Natural:
    """A table in which something other than people's choice decided who was treated, and its true effects.

    Attributes:
        table: the deals.
        effects: the true effects in points, by quantity and segment.
    """

    table: pd.DataFrame
    effects: Mapping[tuple[str, str], float]

    def truth(self, name: str) -> pd.DataFrame:
        """Return the true effects under the table's name."""
        rows = [(name, *key, value, "points") for key, value in self.effects.items()]
        return pd.DataFrame(rows, columns=COLUMNS)


def known_of(market: Market, part: str) -> pd.DataFrame:
    """Return what is known of each deal of a table when it is created."""
    return newborn(market, part, np.zeros(market.deals, dtype=bool))


def known_chance(market: Market, known: pd.DataFrame) -> NDArray[np.float64]:
    """Return by how much what is known moves a deal's chance, as a fraction: trends are parallel in points, as the methods suppose."""
    engagement = np.clip(known["engagement"].to_numpy(dtype=float), -2, 2)
    champion = known["champion"].to_numpy(dtype=float) - 0.4
    return np.asarray(market.known_strength * (0.06 * engagement + 0.08 * champion - 0.02 * np.clip(size(known), -2, 2)))


def quarters_of(market: Market, part: str) -> tuple[NDArray[np.int64], pd.Series]:
    """Return the quarter of each deal, counted from 0, and the day on which it was created."""
    rng = stream(market.seed, f"{part} days")
    start = pd.Timestamp(market.first_day)
    ends = [start + pd.DateOffset(months=3 * number) for number in range(market.quarters + 1)]
    quarter = rng.integers(market.quarters, size=market.deals)
    lengths = np.array([(after - before).days for before, after in pairwise(ends)])
    days = (rng.uniform(size=market.deals) * lengths[quarter]).astype(int)
    created = pd.Series(pd.DatetimeIndex(ends)[:-1].to_numpy()[quarter]) + pd.to_timedelta(days, unit="D")
    return quarter.astype(np.int64), created.astype("datetime64[us]")


def exported(
    market: Market, part: str, created: pd.Series, known: pd.DataFrame, further: Mapping[str, object], chance: NDArray[np.float64]
) -> pd.DataFrame:
    """Return the deals as a CRM would export them, each closed after some days and won by its chance."""
    rng = stream(market.seed, f"{part} outcomes")
    won = rng.uniform(size=market.deals) < np.clip(chance, 0.01, 0.99)
    closed = created + pd.to_timedelta(1 + rng.poisson(market.cycle_days, size=market.deals), unit="D")
    head = pd.DataFrame({"deal_id": [f"N{i:06d}" for i in range(1, market.deals + 1)], "created": created, "closed": closed})
    return pd.concat([head, known, pd.DataFrame(dict(further)), pd.DataFrame({"outcome": np.where(won, "Won", "Lost")})], axis=1)
