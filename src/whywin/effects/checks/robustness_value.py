"""How much of treatment and outcome something unobserved would have to explain, beside what the observed columns do."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from annotated_types import Gt, doc
from numpy.typing import NDArray
from scipy.stats import t as student

from whywin.deals.need import Need
from whywin.effects.comparison import Comparison, compared, need_of
from whywin.effects.question import Effect
from whywin.evidence import Check, with_sign
from whywin.settings import check_settings
from whywin.stats.omitted_variable import Coefficient, Strength, adjusted, as_strong_as, coefficient, robustness_value


@dataclass(frozen=True, eq=False)
class Benchmark:
    """What a hidden confounder as strong as one observed column would leave of the coefficient; None where it could be anything."""

    name: str
    strength: Strength | None
    left: Coefficient | None


@dataclass(frozen=True)
class RobustnessValue:
    """A hidden confounder as strong as the strongest observed column must not be able to explain a linear regression's effect away.

    The robustness value is the share of what is left of treatment and of outcome that something unobserved must explain to move the
    estimate to zero. The measure is the same share of the columns that are adjusted for, each with all its levels. It is about the linear
    regression of the outcome on treatment and on what is adjusted for, which stands in for every method; deals count as independent.
    Source: Cinelli and Hazlett (2020), Making sense of sensitivity: extending omitted variable bias, JRSS B 82, 39-67.
    """

    times: Annotated[float, Gt(0), doc("how many times as strong as an observed column the hidden confounder may be")] = 1.0

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: Effect) -> Need:
        """The deals that are compared."""
        return need_of(question)

    def check(
        self, question: Effect, answers: Iterable[Any], sample: pd.DataFrame, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one note about the whole run; its value is the robustness value, as a share."""
        comparison = compared(question, sample)
        found = coefficient(comparison.outcome, comparison.treated.astype(np.float64), comparison.covariates.matrix)
        value = robustness_value(found.t, found.freedom)
        marks = benchmarks(comparison, found, self.times)
        worst = min(marks, key=lambda mark: -1.0 if mark.left is None else _kept(found, mark.left), default=None)
        passed = worst is None or (worst.left is not None and _kept(found, worst.left) > 0)
        says = "".join(self._said(question, comparison, found, value, worst))
        return (Check("robustness_value", passed, "note", says, value),)

    def _said(
        self, question: Effect, comparison: Comparison, found: Coefficient, value: float, worst: Benchmark | None
    ) -> Iterator[str]:
        level = 1 - question.level
        noise = robustness_value(found.t, found.freedom, level=level)
        yield (
            f"To explain a linear regression's {with_sign(comparison.scale * found.value)} away, something unobserved would have to explain "
            f"{100 * value:.1f} % of what is left of treatment and of outcome, and {100 * noise:.1f} % to draw it into the noise"
        )
        strong = "as strong as" if self.times == 1 else f"{self.times:g} times as strong as"
        if worst is None:
            yield "; nothing is adjusted for that it could be measured by."
        elif worst.left is None or worst.strength is None:
            yield f"; something {strong} {worst.name} could explain all of it."
        else:
            half = float(student.ppf(1 - level / 2, worst.left.freedom)) * worst.left.error
            left, ends = worst.left.value, (worst.left.value - half, worst.left.value + half)
            yield (
                f"; something {strong} {worst.name} explains {100 * worst.strength.of_treatment:.1f} % of treatment and "
                f"{100 * worst.strength.of_outcome:.1f} % of outcome, and would leave {with_sign(comparison.scale * left)} "
                f"({with_sign(comparison.scale * ends[0])} to {with_sign(comparison.scale * ends[1])})."
            )


def benchmarks(comparison: Comparison, found: Coefficient, times: float) -> list[Benchmark]:
    """Return what hidden confounders as strong as each observed column would leave."""
    treated, matrix = comparison.treated.astype(np.float64), comparison.covariates.matrix
    marks = []
    for name, columns in columns_of(comparison).items():
        strength = as_strong_as(comparison.outcome, treated, matrix, columns, times)
        marks.append(Benchmark(name, strength, None if strength is None else adjusted(found, strength)))
    return marks


def columns_of(comparison: Comparison) -> dict[str, NDArray[np.bool_]]:
    """Return which numbers each column that is adjusted for was made into: its levels, its logarithm, where it is missing."""
    made = comparison.covariates.names
    found = {}
    for column in comparison.adjusted:
        own = np.array(
            [
                name in {column, f"log {column}", f"{column} missing", f"log {column} missing"} or name.startswith(f"{column}=")
                for name in made
            ]
        )
        if own.any():
            found[column] = own
    return found


def _kept(found: Coefficient, left: Coefficient) -> float:
    """Return how much of an effect is left, as a share of it; below zero where its sign has changed."""
    return left.value / found.value if found.value else 0.0
