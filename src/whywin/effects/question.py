"""The question of what an intervention changes, asked of observed deals."""

from dataclasses import dataclass
from typing import Annotated, Literal

import pandas as pd
from annotated_types import Ge, Gt, Lt, doc

from whywin.effects.fit import (
    faulty_covariates,
    faulty_graph,
    faulty_groups,
    faulty_landmark,
    faulty_outcome,
    faulty_treatment,
    unknown_names,
)
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
    outcome: Annotated[
        str, doc("the column that the intervention is meant to change: won, another column of 0 and 1, or a number")
    ] = "won"
    estimand: Annotated[Literal["treated", "all"], doc("whose effect: of the treated deals (ATT), or of all of them (ATE)")] = (
        "treated"
    )
    landmark_days: Annotated[
        float | None,
        Ge(0),
        doc(
            "the age in days at which treatment is decided: deals closed before it are left out, since they could not be treated"
        ),
    ] = None
    cluster: Annotated[str | None, doc("the column within which deals are not independent, such as rep")] = None
    known_after: Annotated[tuple[str, ...], doc("columns known only after the treatment: never adjusted for")] = ()
    logs: Annotated[tuple[str, ...], doc("columns that are adjusted for as logarithms, such as amount; positive numbers")] = ()
    level: Annotated[float, Gt(0), Lt(1), doc("coverage of the intervals")] = 0.95

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes of the graph in the order of its edges."""
        return tuple(dict.fromkeys(node for edge in self.graph for node in edge))

    @property
    def candidates(self) -> tuple[str, ...]:
        """What may have to be adjusted for: the confounders, or the graph's nodes other than treatment and outcome."""
        given = self.confounders or self.nodes
        return tuple(name for name in dict.fromkeys(given) if name not in {self.treatment, self.outcome, *self.known_after})

    @property
    def quantity(self) -> str:
        """The name of what is estimated."""
        return "effect on the treated" if self.estimand == "treated" else "effect on all deals"

    def faults(self, table: pd.DataFrame) -> list[str]:
        """Return every way in which the question does not fit a deal table, one sentence each."""
        faults = [*unknown_names(self, table), *faulty_landmark(self, table), *faulty_treatment(self, table)]
        faults += [*faulty_outcome(self, table), *faulty_graph(self, table), *faulty_covariates(self, table)]
        return faults or faulty_groups(self, table)
