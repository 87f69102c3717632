"""Whether the effect can be told from what was observed, by the stated graph."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from whywin.deals.need import Need
from whywin.effects.comparison import need_of
from whywin.effects.identification import Identified, identified
from whywin.effects.open_paths import drawn
from whywin.effects.other_ways import faulty_instrument
from whywin.effects.question import Effect
from whywin.evidence import Check


@dataclass(frozen=True)
class Identification:
    """By the stated graph, what is adjusted for closes every back-door path; it does not say that the graph is true.

    A natural experiment needs no such set: an instrument is judged by the graph, any other by its own checks.
    """

    def need(self, question: Effect) -> Need:
        """Which of the graph's nodes are columns."""
        need = need_of(question)
        return replace(need, names=(*need.names, *(node for node in question.nodes if node not in question.latent)))

    def check(
        self,
        question: Effect,
        answers: Iterable[Any],
        sample: pd.DataFrame,
        rng: np.random.Generator,
    ) -> tuple[Check, ...]:
        """Return one fatal check, of the whole run where no natural experiment stands in it; its value is the number of columns adjusted for."""
        answers = tuple(answers)
        natural = [answer for answer in answers if answer.method.design == "natural"]
        found = identified(question, tuple(sample.columns))
        by_adjustment = Check("identification", found.holds, "fatal", found.says, float(len(found.adjusted)))
        if not natural:
            return (by_adjustment,)
        others = [answer for answer in answers if answer.method.design != "natural"]
        return (
            *(_by_design(question, answer, found) for answer in natural),
            *(replace(by_adjustment, method=a.label) for a in others),
        )


def _by_design(question: Effect, answer: Any, found: Identified) -> Check:
    """Judge a natural experiment, which rests on no back-door set: an instrument by the graph, another by its own checks."""
    if type(answer.method).__name__ != "Instrument":
        says = "Rests on what decided who was treated, and not on what is adjusted for: its own checks judge it."
        return Check("identification", True, "note", says, 0.0, answer.label)  # noqa: FBT003
    listed = ", ".join(question.instruments)
    value = float(len(question.instruments))
    if not question.edges:
        says = f"On the word of the config {listed} moves {question.outcome} only through {question.treatment}."
        return Check("identification", True, "fatal", says, value, answer.label)  # noqa: FBT003
    graph = drawn(question.edges)
    asked = (question.treatment, question.outcome)
    faults = [fault for name in question.instruments if (fault := faulty_instrument(graph, *asked, name, found.adjusted))]
    says = f"By the graph {listed} moves {question.outcome} only through {question.treatment}."
    if faults:
        says = f"By the graph this is no instrument: {'; '.join(faults)}."
    return Check("identification", not faults, "fatal", says, value, answer.label)
