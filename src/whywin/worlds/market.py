"""A market with a known truth."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import pandas as pd
from annotated_types import Ge, doc

from whywin.settings import check_settings


@dataclass(frozen=True)
class Market:
    """A market of deals that is simulated; the same settings give the same deals to the last bit."""

    seed: Annotated[int, Ge(0), doc("what the market's random numbers start from")] = 1
    deals: Annotated[int, Ge(50), doc("number of deals created")] = 4000

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)


@dataclass(frozen=True, eq=False)
class World:
    """What a market gave, and what is true of it.

    Attributes:
        tables: tables by name, as a CRM would export them: "deals" and "trial".
        truth: one row a true number: columns quantity, segment, value, unit, named like the estimates of it.
        potential: per deal_id, the win probabilities and outcomes without and with the intervention.
    """

    tables: Mapping[str, pd.DataFrame]
    truth: pd.DataFrame
    potential: pd.DataFrame
