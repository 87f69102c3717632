"""The question of what an intervention changes, asked of observed deals."""

from dataclasses import dataclass
from typing import Annotated, Literal

import pandas as pd
from annotated_types import Gt, Lt, doc

from whywin.settings import check_settings


@dataclass(frozen=True)
class Effect:
    """What would this intervention change?

    Either `confounders` or `graph` says what has to be adjusted for; from a graph the set is found by the back-door criterion.
    """

    treatment: Annotated[str, doc("the column that is 1 where the deal was treated, else 0")]
    confounders: Annotated[tuple[str, ...], doc("columns known before treatment that move both treatment and outcome")] = ()
    graph: Annotated[
        tuple[tuple[str, str], ...],
        doc("the causal graph as [cause, effect] edges; a node that is no column is unobserved"),
    ] = ()
    outcome: Annotated[str, doc("the column that the intervention is meant to change; 0 or 1")] = "won"
    estimand: Annotated[Literal["treated", "all"], doc("whose effect: of the treated deals (ATT), or of all of them (ATE)")] = (
        "treated"
    )
    landmark_days: Annotated[
        float | None,
        doc(
            "the age in days at which treatment is decided: deals closed before it are left out, since they could not be treated"
        ),
    ] = None
    cluster: Annotated[str | None, doc("the column within which deals are not independent, such as rep")] = None
    known_after: Annotated[tuple[str, ...], doc("columns known only after the treatment: never adjusted for")] = ()
    level: Annotated[float, Gt(0), Lt(1), doc("coverage of the intervals")] = 0.95

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def faults(self, table: pd.DataFrame) -> list[str]:
        """Return every way in which the question does not fit a deal table, one sentence each."""
        return []
