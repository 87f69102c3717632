"""The question of what an intervention changes, asked of observed deals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

import pandas as pd
from annotated_types import Ge, Gt, Lt, doc

from whywin.effects.bad_controls import AT_CLOSE
from whywin.effects.designs import faulty_designs
from whywin.effects.fit import (
    faulty_controls,
    faulty_covariates,
    faulty_graph,
    faulty_groups,
    faulty_landmark,
    faulty_outcome,
    faulty_treatment,
    unknown_names,
)
from whywin.effects.graphs import read_graph
from whywin.effects.known_days import faulty_known_days, late_at_landmark
from whywin.effects.negative_controls import faulty_negative_controls
from whywin.effects.times import faulty_times
from whywin.settings import check_settings

Estimand = Literal["treated", "all", "overlap"]
QUANTITIES: Final[Mapping[Estimand, str]] = {
    "treated": "effect on the treated",
    "all": "effect on all deals",
    "overlap": "effect on the overlap",
}
NOW: Final = "effect of treating now"  # rather than not yet: where the time of treatment is known


@dataclass(frozen=True)
class Effect:
    """What would this intervention change?

    `confounders` or `graph` says what has to be adjusted for; from a graph alone the set is found by the back-door criterion, and
    beside a graph the confounders are adjusted for as they are listed, and judged by it.
    """

    treatment: Annotated[str, doc("the column that is 1 where the deal was treated, else 0")]
    confounders: Annotated[tuple[str, ...], doc("columns known before treatment that move both treatment and outcome")] = ()
    graph: Annotated[
        tuple[tuple[str, str], ...] | str,
        doc(
            "the causal graph: [cause, effect] edges, or text in GML, DOT or dagitty's language, or in a config the path of a "
            ".gml, .dot, .gv, .dag or .txt file; a node that is no column is unobserved"
        ),
    ] = ()
    outcome: Annotated[
        str, doc("the column that the intervention is meant to change: won, another column of 0 and 1, or a number")
    ] = "won"
    estimand: Annotated[
        Estimand,
        doc("whose effect: of the treated deals (ATT), of all of them (ATE), or of those that could have gone either way (ATO)"),
    ] = "treated"
    instruments: Annotated[
        tuple[str, ...], doc("columns that move the treatment, and the outcome only through it; for the method instrument")
    ] = ()
    score: Annotated[
        str | None, doc("the column of the score that decides treatment at a threshold; for the method discontinuity")
    ] = None
    threshold: Annotated[float | None, doc("the score at and above which deals are treated")] = None
    group: Annotated[str | None, doc("the column of those who adopt, such as team; for the method difference_in_differences")] = (
        None
    )
    adopted: Annotated[str | None, doc("the column of the day on which a deal's group adopted; empty where it never did")] = None
    period: Annotated[
        Literal["week", "month", "quarter", "year"],
        doc("the grain of time in which deals before and after adoption are compared"),
    ] = "quarter"
    modifiers: Annotated[tuple[str, ...], doc("columns by which the effect may differ, known before the treatment")] = ()
    adjust_anyway: Annotated[
        tuple[str, ...],
        doc("columns adjusted for although the treatment may have moved them, or they open a path: the grade falls to D"),
    ] = ()
    landmark_days: Annotated[
        float | None,
        Ge(0),
        doc(
            "the age in days at which treatment is decided: deals closed before it are left out, since they could not be treated"
        ),
    ] = None
    treated_at: Annotated[str | None, doc("the date column of when the deal was treated; empty where it never was")] = None
    cluster: Annotated[str | None, doc("the column within which deals are not independent, such as rep")] = None
    known_after: Annotated[tuple[str, ...], doc("columns known only after the treatment: never adjusted for")] = ()
    known_days: Annotated[
        Mapping[str, float],
        doc(
            "column: the age in days at which it becomes known; what is known later than landmark_days, or than the earliest "
            "treated_at, is not adjusted for"
        ),
    ] = field(default_factory=dict, hash=False)
    negative_controls: Annotated[
        tuple[str, ...],
        doc("numeric columns that the treatment cannot have moved: an effect on them gives hidden confounding away"),
    ] = ()
    logs: Annotated[tuple[str, ...], doc("columns that are adjusted for as logarithms, such as amount; positive numbers")] = ()
    level: Annotated[float, Gt(0), Lt(1), doc("coverage of the intervals")] = 0.95

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    @property
    def natural(self) -> bool:
        """Whether the question names a natural experiment, so that nothing need be adjusted for."""
        return bool(self.instruments or self.score or self.adopted)

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """The edges of the graph, however it is written; none where it cannot be read."""
        return read_graph(self.graph).edges

    @property
    def latent(self) -> tuple[str, ...]:
        """The nodes that the graph says are unobserved, whatever columns there are."""
        return read_graph(self.graph).latent

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes of the graph in the order of its edges."""
        return read_graph(self.graph).nodes

    @property
    def late(self) -> tuple[str, ...]:
        """Columns known only after the treatment: those that the question names or dates so, and what is known only at the close."""
        return tuple(dict.fromkeys((*self.known_after, *late_at_landmark(self), *sorted(AT_CLOSE))))

    @property
    def candidates(self) -> tuple[str, ...]:
        """What may have to be adjusted for: the confounders, or the graph's nodes; never treatment, outcome, an instrument, or what is known late.

        A column of `adjust_anyway` is one whatever speaks against it.
        """
        given = self.confounders or (node for node in self.nodes if node not in {*self.latent, *self.instruments})
        asked = (name for name in given if name not in self.late or name in self.adjust_anyway)
        return tuple(name for name in dict.fromkeys((*asked, *self.adjust_anyway)) if name not in {self.treatment, self.outcome})

    @property
    def quantity(self) -> str:
        """The name of what is estimated."""
        return NOW if self.treated_at is not None and self.estimand == "treated" else QUANTITIES[self.estimand]

    def faults(self, table: pd.DataFrame) -> list[str]:
        """Return every way in which the question does not fit a deal table, one sentence each."""
        faults = [*unknown_names(self, table), *faulty_landmark(self, table), *faulty_treatment(self, table)]
        faults += faulty_times(self, table)
        faults += [*faulty_outcome(self, table), *faulty_graph(self, table), *faulty_covariates(self, table)]
        faults += [
            *faulty_known_days(self, table),
            *faulty_controls(self, table),
            *faulty_designs(self, table),
            *faulty_negative_controls(self, table),
        ]
        return faults or faulty_groups(self, table)
