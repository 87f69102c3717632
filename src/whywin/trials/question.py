"""The question of whether what was tried worked, asked of a randomised trial."""

from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Literal

import pandas as pd
from annotated_types import Ge, Gt, Lt, doc

from whywin.errors import ConfigError
from whywin.settings import check_settings
from whywin.trials.assignment import Assignment
from whywin.trials.decision import Decision, refuse
from whywin.trials.metric import Metric


@dataclass(frozen=True)
class Trial:
    """Did what we tried work?"""

    arm: Annotated[str, doc("the column that says which arm a deal's unit was assigned to")]
    control: Annotated[str, doc("the label of the arm that everything is compared with")]
    unit: Annotated[str, doc("the column that was randomised, such as rep: deals of one unit are not independent")]
    metric: Annotated[str, doc("the column that the trial is judged by; won is the win rate in points")] = "won"
    metrics: Annotated[
        tuple[Metric, ...],
        doc("several metrics, each with its role; where none is primary, the column `metric` is, and these stand beside it"),
    ] = ()
    shares: Annotated[
        tuple[tuple[str, float], ...], doc("planned share of units by arm, as [arm, share]; equal shares when not given")
    ] = ()
    strata: Annotated[
        tuple[str, ...], doc("columns within whose levels the units were randomised; each is the same in all deals of a unit")
    ] = ()
    looks: Annotated[
        tuple[tuple[date, float], ...],
        doc("planned looks, as [date, share of the final information], the last share 1; one look at the end when not given"),
    ] = ()
    look_date: Annotated[str, doc("the date by which a deal falls to a look: it counts from the first look on or after it")] = (
        "closed"
    )
    margin: Annotated[float, Ge(0), doc("an effect smaller than this, in points or the metric's unit, is of no interest")] = 0.0
    level: Annotated[float, Gt(0), Lt(1), doc("coverage of the intervals")] = 0.95
    cluster: Annotated[
        str | None, doc("the column within which units are not independent, such as team or village; the unit when not given")
    ] = None
    start: Annotated[
        date | None,
        doc("the first day of the trial: deals created before it are the pre-period and answer nothing by themselves"),
    ] = None
    before: Annotated[
        tuple[str, ...], doc("numbers known of a unit or of its deals before the trial, whose means by unit may be adjusted for")
    ] = ()
    assigned: Annotated[
        str | None, doc("the column with the day on which a deal's unit was assigned; no deal may close before")
    ] = None
    as_of: Annotated[
        date | None,
        doc("answer as it would have been on this day: deals created later are left out, those closed later are open"),
    ] = None
    treated: Annotated[
        str | None, doc("the column that is 1 where the deal got the treatment (alert delivered, opened or acted on), else 0")
    ] = None
    team: Annotated[str | None, doc("the column of groups of units among which an effect may spread, such as team")] = None
    unassigned: Annotated[
        Literal["refuse", "leave_out"],
        doc("what is done about deals without an arm, a unit or a cluster: refuse, or leave them out"),
    ] = "refuse"
    segments: Annotated[tuple[str, ...], doc("columns by whose levels the effect is explored")] = ()
    assignment: Annotated[Assignment, doc("how the units are assigned to the arms")] = field(default_factory=Assignment)
    decision: Annotated[Decision, doc("what is done with the answer: a rule that is written before the data")] = field(
        default_factory=Decision
    )

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules, and settle which metric is the primary one."""
        check_settings(self)
        primary = [metric for metric in self.metrics if metric.role == "primary"]
        if len(primary) > 1:
            named = ", ".join(metric.name for metric in primary)
            raise ConfigError(f"metrics: one metric is the primary one, got {named}; make the others secondary")
        if primary and self.metric not in {"won", primary[0].column}:
            raise ConfigError(
                f"metric: {self.metric!r} is not the primary one of metrics, {primary[0].column!r}; leave one of them out"
            )
        if primary:
            object.__setattr__(self, "metric", primary[0].column)
        refuse(self.decision.faults(self.margin))

    @property
    def primary(self) -> Metric:
        """The metric that decides."""
        given = next((metric for metric in self.metrics if metric.role == "primary"), None)
        return given or Metric(self.metric, role="primary")

    @property
    def measured(self) -> tuple[Metric, ...]:
        """Every metric, the primary one first."""
        return (self.primary, *(metric for metric in self.metrics if metric.role != "primary"))

    @property
    def independent(self) -> str:
        """The column whose levels are taken as independent: the cluster, or the unit where there is none."""
        return self.cluster or self.unit

    @property
    def dealt_within(self) -> tuple[str, ...]:
        """The columns within whose levels units might have been dealt to other arms: what drawing anew must keep."""
        if self.assignment.groups is not None:
            return (self.assignment.groups,)
        return ("stratum",) if self.assignment.scheme == "pairs" else self.strata

    @property
    def dealt_by(self) -> tuple[str, ...]:
        """The columns that drawing the assignment anew needs: `dealt_within`, and what a constrained draw was balanced on."""
        return tuple(dict.fromkeys((*self.dealt_within, *self.balanced_on)))

    @property
    def balanced_on(self) -> tuple[str, ...]:
        """The ledger's columns that a constrained draw was balanced on; none for other schemes."""
        constrained = self.assignment.scheme == "constrained"
        return tuple(f"before_{name}" for name in self.assignment.balance) if constrained else ()

    def planned(self, arms: list[str]) -> list[float]:
        """Return the planned share of each arm."""
        given = dict(self.shares)
        return [given.get(arm, 1 / len(arms)) for arm in arms]

    def faults(self, table: pd.DataFrame) -> list[str]:
        """Return every way in which the question does not fit a deal table, one sentence each."""
        from whywin.trials.faults import faults_of

        return faults_of(self, table)
