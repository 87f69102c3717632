"""A market of deals that is simulated, and the truth about it."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from whywin.worlds.adoption import tool_adoption
from whywin.worlds.alerts import fired_alerts
from whywin.worlds.defects import inject
from whywin.worlds.encouragement import suggested_calls
from whywin.worlds.flow import pipeline
from whywin.worlds.interventions import log_of
from whywin.worlds.knobs import Market
from whywin.worlds.trial import alert_trial
from whywin.worlds.truth import truth_of_deals, truth_of_trial

__all__ = ["Market", "World", "simulate"]


@dataclass(frozen=True, eq=False)
class World:
    """What a market gave, and what is true of it.

    Attributes:
        tables: tables by name, as a CRM would export them: "deals", "trial", and "interventions", the log of what was done to the
            deals: ``deal_id``, ``kind``, ``time``, ``who`` did it, and whether it was ``recommended``; and of natural experiments "adoption"
            (a tool that teams adopt at different times), "suggestions" (calls suggested by chance) and "alerts" (fired at a threshold).
        truth: one row a true number: columns table, quantity, segment, value, unit, named like the estimates of it.
            A win rate is the mean chance of the deals that are closed at the export; an effect is the mean difference of
            the two chances, given how long they lived, over the deals that were open at the landmark and are closed at the export;
            the effect of treating now counts against it that a deal which is not called now may be called later.
        potential: per deal_id of "deals": ``chance_without`` and ``chance_with`` the call (0 to 1), the outcomes
            ``won_without`` and ``won_with``, whether the deal was ``open_at_landmark``, and the chance (0 to 1) that a called one
            would have been ``called_later``.
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
    natural = {"adoption": tool_adoption(market), "suggestions": suggested_calls(market), "alerts": fired_alerts(market)}
    truths = [
        truth_of_deals(market, flow),
        truth_of_trial(trial),
        *(one.truth(name) for name, one in natural.items() if one.effects),
    ]
    tables = {"deals": table, "trial": trial.table, "interventions": log_of(market, flow)}
    tables |= {name: one.table for name, one in natural.items()}
    return World(tables, pd.concat(truths, ignore_index=True), flow.potential, defects)
