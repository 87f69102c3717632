"""Whether the deals that are compared are alike in what is adjusted for."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from annotated_types import Gt, doc

from whywin.effects.question import Effect
from whywin.evidence import Check
from whywin.settings import check_settings


@dataclass(frozen=True)
class Balance:
    """After matching or weighting, no covariate may differ by a tenth of a standard deviation or more.

    Source: Austin (2009), Balance diagnostics for comparing the distribution of baseline covariates between treatment groups in
    propensity-score matched samples, Statistics in Medicine 28, 3083-3107.
    """

    largest: Annotated[float, Gt(0), doc("the largest standardised mean difference that is still balanced")] = 0.1

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
        """Return one check for each answer that has a table of balance."""
        return tuple(self._checked(answers))

    def _checked(self, answers: Iterable[Any]) -> Iterator[Check]:
        for answer in answers:
            table = answer.evidence.tables.get("balance")
            if table is None:
                continue
            sizes = table["smd_after"].abs().to_numpy(dtype=float)
            if not len(sizes):
                yield Check("balance", True, "serious", "Nothing is adjusted for, so nothing has to be alike.", 0.0, answer.label)  # noqa: FBT003
                continue
            worst, count = int(sizes.argmax()), int((sizes >= self.largest).sum())
            name, before = table["covariate"].iloc[worst], abs(float(table["smd_before"].iloc[worst]))
            says = (
                f"The largest difference that is left is {sizes[worst]:.3f} standard deviations, in {name} (before: {before:.3f}); "
                f"{count} of {len(sizes)} covariates differ by {self.largest:g} or more."
            )
            yield Check("balance", bool(sizes[worst] < self.largest), "serious", says, float(sizes[worst]), answer.label)
