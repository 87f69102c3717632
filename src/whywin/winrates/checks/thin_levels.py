"""Whether every level has deals enough to speak for itself."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from annotated_types import Ge, doc

from whywin.deals.need import Cells
from whywin.evidence import Check
from whywin.settings import check_settings
from whywin.winrates.question import WinRates
from whywin.winrates.scopes import levels


@dataclass(frozen=True)
class ThinLevels:
    """Levels with few closed deals are counted: their pooled rates are mostly the company's, their raw rates mostly chance."""

    least_deals: Annotated[int, Ge(1), doc("a level with fewer closed deals than this is thin")] = 30

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: WinRates) -> Cells:
        """Counts by every dimension."""
        return question.cells

    def check(
        self, question: WinRates, answers: tuple[Any, ...], sample: pd.DataFrame | None, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one note about the deals, whichever methods answered."""
        del answers, rng
        if sample is None:
            return ()
        sizes = {segment: int(sample.loc[inside, "deals"].sum()) for segment, inside in levels(sample, question.dimensions)}
        del sizes["all"]
        thin = sorted((deals, segment) for segment, deals in sizes.items() if deals < self.least_deals)
        if thin:
            first = ", ".join(f"{segment} ({deals})" for deals, segment in thin[:3])
            more = f" and {len(thin) - 3} more" if len(thin) > 3 else ""  # noqa: PLR2004 - three are named
            says = f"{len(thin)} of {len(sizes)} levels {'has' if len(thin) == 1 else 'have'} fewer than {self.least_deals} closed deals: {first}{more}."
        else:
            says = f"Each of the {len(sizes)} levels has {self.least_deals} closed deals or more, the smallest {min(sizes.values()):,}."
        return (Check("thin_levels", passed=not thin, severity="note", says=says, value=float(len(thin))),)
