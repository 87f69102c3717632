"""Whether there is anyone to compare with."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from annotated_types import Ge, Le, doc

from whywin.effects.question import Effect
from whywin.evidence import Check
from whywin.settings import check_settings


@dataclass(frozen=True)
class Overlap:
    """Few deals may lie beyond the other group's range of the propensity, and the comparison must not rest on a handful.

    Source: Crump, Hotz, Imbens and Mitnik (2009), Dealing with limited overlap in estimation of average treatment effects,
    Biometrika 96, 187-199; the effective sample size is Kish's (1965).
    """

    outside: Annotated[
        float, Ge(0), Le(1), doc("the largest share of deals beyond the other group's range of the propensity")
    ] = 0.05
    effective: Annotated[float, Ge(1), doc("the fewest equally weighted deals that either group must be worth")] = 30.0

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: Effect) -> None:
        """Nothing beyond the methods' own tables."""
        return

    def check(
        self,
        question: Effect,
        answers: Iterable[Any],
        sample: pd.DataFrame | None,
        rng: np.random.Generator,
    ) -> tuple[Check, ...]:
        """Return one check for each answer that says who is compared; its value is the share beyond the range."""
        return tuple(self._checked(question, answers))

    def _checked(self, question: Effect, answers: Iterable[Any]) -> Iterator[Check]:
        whose = "treated deals" if question.estimand == "treated" else "deals"
        for answer in answers:
            table = answer.evidence.tables.get("groups")
            if table is None:
                continue
            beyond, worth = float(table["outside"].max()), table.set_index("group")["effective"]
            says = (
                f"{100 * beyond:.1f} % of the {whose} lie beyond the other group's range of the propensity; the "
                f"{int(table['deals'].sum()):,} deals are worth {worth['treated']:,.0f} treated and {worth['controls']:,.0f} untreated ones."
            )
            passed = beyond <= self.outside and float(worth.min()) >= self.effective
            yield Check("overlap", passed, "serious", says, beyond, answer.label)
