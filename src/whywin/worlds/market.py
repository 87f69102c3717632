"""A market of deals that is simulated, and the truth about it."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from whywin.worlds.defects import inject
from whywin.worlds.flow import pipeline
from whywin.worlds.knobs import Market
from whywin.worlds.trial import alert_trial
from whywin.worlds.truth import truth_of_deals, truth_of_trial

__all__ = ["Market", "World", "simulate"]


@dataclass(frozen=True, eq=False)
class World:
    """What a market gave, and what is true of it.

    Attributes:
        tables: tables by name, as a CRM would export them: "deals" and "trial".
        truth: one row a true number: columns table, quantity, segment, value, unit, named like the estimates of it.
            A win rate is the mean chance of the deals that are closed at the export; an effect is the mean difference of the
            two chances over the deals that were open at the landmark and are closed at the export.
        potential: per deal_id of "deals": ``chance_without`` and ``chance_with`` the call (0 to 1), the outcomes
            ``won_without`` and ``won_with``, and whether the deal was ``open_at_landmark``.
        defects: which row of "deals" has which injected defect: columns row, defect.
    """

    tables: Mapping[str, pd.DataFrame]
    truth: pd.DataFrame
    potential: pd.DataFrame
    defects: pd.DataFrame


def simulate(market: Market) -> World:
    """Simulate a market: its tables, and everything that is true of them."""
    flow = pipeline(market)
    trial = alert_trial(market)
    table, defects = inject(flow.table, market.defects, market.seed)
    truth = pd.concat([truth_of_deals(market, flow), truth_of_trial(trial)], ignore_index=True)
    return World({"deals": table, "trial": trial.table}, truth, flow.potential, defects)
