"""The question of whether what was tried worked, asked of a randomised trial."""

from dataclasses import dataclass
from typing import Annotated

import pandas as pd
from annotated_types import Ge, Gt, Lt, doc

from whywin.settings import check_settings


@dataclass(frozen=True)
class Trial:
    """Did what we tried work?"""

    arm: Annotated[str, doc("the column that says which arm a deal's unit was assigned to")]
    control: Annotated[str, doc("the label of the arm that everything is compared with")]
    unit: Annotated[str, doc("the column that was randomised, such as rep: deals of one unit are not independent")]
    metric: Annotated[str, doc("the column that the trial is judged by; won is the win rate in points")] = "won"
    shares: Annotated[
        tuple[tuple[str, float], ...],
        doc("planned share of units by arm, as [arm, share]; equal shares when not given"),
    ] = ()
    margin: Annotated[float, Ge(0), doc("an effect smaller than this, in points, is of no interest")] = 0.0
    level: Annotated[float, Gt(0), Lt(1), doc("coverage of the intervals")] = 0.95

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def faults(self, table: pd.DataFrame) -> list[str]:
        """Return every way in which the question does not fit a deal table, one sentence each."""
        return []
