"""What a trial is judged by: a column, what is made of it, and what part it plays."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from annotated_types import Ge, Gt, Lt, MinLen, doc

from whywin.settings import check_settings

Kind = Literal["proportion", "mean", "ratio", "quantile", "won_by", "lost_by", "restricted_mean"]
Role = Literal["primary", "secondary", "guardrail"]
TIMED: Final = ("won_by", "lost_by", "restricted_mean")  # kinds that count open deals, by their age
MEDIAN: Final = 0.5
RATES: Final = ("proportion", "won_by", "lost_by")


@dataclass(frozen=True)
class Metric:
    """One thing that a trial is judged by."""

    column: Annotated[str, MinLen(1), doc("the column that is measured; of kinds that count open deals, won or cycle_days")]
    kind: Annotated[
        Kind | None,
        doc(
            "what is made of it: a share (proportion), a mean, a ratio of two sums, a quantile, or, of deals that may be still open, the "
            "share won or lost by an age (won_by, lost_by) or the mean days open up to it (restricted_mean); for won a proportion and "
            "for any other column a mean when not given"
        ),
    ] = None
    role: Annotated[Role, doc("primary decides, secondary stands beside it in one family, a guardrail must not get worse")] = (
        "secondary"
    )
    better: Annotated[Literal["higher", "lower"], doc("which way is good")] = "higher"
    margin: Annotated[float, Ge(0), doc("a guardrail may get worse by less than this, in points or the metric's unit")] = 0.0
    per: Annotated[str | None, doc("the column whose sum a ratio is divided by")] = None
    winsorise: Annotated[
        float | None, Gt(0), Lt(1), doc("values above this quantile of all arms' values count as it; none when not given")
    ] = None
    quantile: Annotated[float, Gt(0), Lt(1), doc("which quantile, of kind quantile")] = 0.5
    days: Annotated[int | None, Ge(1), doc("the age in days that won_by, lost_by and restricted_mean look to")] = None

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules, and settle the kind."""
        check_settings(self)
        if self.kind is None:
            object.__setattr__(self, "kind", "proportion" if self.column == "won" else "mean")

    @property
    def name(self) -> str:
        """What it is called in tables and in the names of quantities."""
        match self.kind:
            case "ratio":
                return f"{self.column} per {self.per}"
            case "quantile":
                which = "median" if self.quantile == MEDIAN else f"{100 * self.quantile:g} % quantile"
                return f"{which} of {self.column}"
            case "won_by" | "lost_by":
                return f"{self.kind.removesuffix('_by')} by {self.days} days"
            case "restricted_mean":
                return f"days open up to {self.days}"
            case _:
                return self.column

    @property
    def is_rate(self) -> bool:
        """Whether it is a share of deals, told in percent and points."""
        return self.kind in RATES

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it is made of."""
        if self.kind in TIMED:
            return ("won", "created", "closed")
        return (self.column, self.per) if self.per else (self.column,)
