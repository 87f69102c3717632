"""Whether a method finds an effect on something that the treatment cannot have moved."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from annotated_types import Gt, Lt, doc

from whywin.deals.need import Need
from whywin.effects.comparison import ColumnsThere, eligible, need_of
from whywin.effects.question import Effect
from whywin.effects.refitting import error_of, estimate_of, likely, refutable, settled
from whywin.errors import QuestionError
from whywin.evidence import Check, with_sign
from whywin.settings import check_settings
from whywin.stats.refutation import chance_of_shift


@dataclass(frozen=True)
class NegativeControlOutcome:
    """On an outcome that the treatment cannot move, such as one that was settled before, a method must find nothing.

    The question names such columns under `negative_controls`. The whole method answers for each of them what it answers for the outcome; an
    effect beyond its noise (Bonferroni's, over the columns) is what something unobserved does to both, and then does to the
    answer too. It is the one check here that can see confounding, as far as the column shares its causes with the outcome.
    Source: Lipsitch, Tchetgen Tchetgen and Cohen (2010), Negative controls, Epidemiology 21, 383-388.
    """

    level: Annotated[float, Gt(0), Lt(1), doc("chance of a false alarm of all columns together, two-sided")] = 0.05

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: Effect) -> Need:
        """The deals that are compared, with the columns that the treatment cannot move."""
        compared = need_of(question)
        return ColumnsThere(tuple(dict.fromkeys((*compared.names, *question.negative_controls))), compared.closed_only)

    def check(
        self, question: Effect, answers: Iterable[Any], sample: pd.DataFrame, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one check for each answer; its value is the effect on the column that is furthest from nothing, in its unit."""
        if not question.negative_controls:
            says = "No column is named that the treatment cannot move, so that nothing here could show what nobody recorded."
            return (Check("negative_control_outcome", True, "note", says, 0.0),)  # noqa: FBT003
        deals = eligible(question, sample)
        return tuple(self._checked(question, answers, deals, rng))

    def _checked(
        self, question: Effect, answers: Iterable[Any], deals: pd.DataFrame, rng: np.random.Generator
    ) -> Iterator[Check]:
        for answer, _ in refutable(question, answers):
            found = {name: tested(answer.method, question, deals, name, rng) for name in question.negative_controls}
            told = {name: pair for name, pair in found.items() if pair is not None}
            if not told:
                says = "The columns that the treatment cannot move cannot be answered for, so that nothing is known from them."
                yield Check("negative_control_outcome", False, "serious", says, 0.0, answer.label)  # noqa: FBT003
                continue
            worst = min(told, key=lambda name: told[name][1])
            effect, chance = told[worst]
            chance = min(1.0, chance * len(told))
            says = (
                f"On {worst}, which the treatment cannot move, the effect is {with_sign(effect)} ({likely(chance)} for nothing, "
                f"of {len(told)} such {'column' if len(told) == 1 else 'columns'})"
            )
            passed = chance >= self.level
            says += "." if passed else ": something that nobody recorded moves both, and may move the answer as well."
            yield Check("negative_control_outcome", passed, "serious", says, effect, answer.label)


def tested(method: Any, question: Effect, deals: pd.DataFrame, name: str, rng: np.random.Generator) -> tuple[float, float] | None:
    """Return a method's effect on another outcome and its two-sided p-value, or None where it cannot answer."""
    asked = settled(question, deals.columns.drop(name), outcome=name, negative_controls=())
    known = deals[deals[name].notna()].reset_index(drop=True)
    try:
        evidence = method.answer(asked, known.drop(columns=[question.outcome]), np.random.default_rng(rng.integers(2**63)))
    except QuestionError:
        return None
    row = estimate_of(asked, _Only(evidence))
    if row is None:
        return None
    return row.value, chance_of_shift(row.value, error_of(asked, row, known))


@dataclass(frozen=True, eq=False)
class _Only:
    """Evidence alone, where an answer is asked for."""

    evidence: Any
