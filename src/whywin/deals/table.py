"""A table of deals that keeps its contract, with what was found on the way."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from whywin.deals.need import Cells, Need
from whywin.evidence import Check


@dataclass(frozen=True, eq=False)
class Quality:
    """How good the table is.

    Attributes:
        score: 0 to 100, the mean of the dimensions that apply.
        dimensions: one row each for completeness, validity, uniqueness, consistency and timeliness:
            columns ``dimension``, ``score`` (0 to 100, missing where it does not apply), ``says``.
        patterns: suspicious patterns looked for, as checks; none of them removes a row.
    """

    score: float
    dimensions: pd.DataFrame
    patterns: tuple[Check, ...]


@dataclass(frozen=True, eq=False)
class Deals:
    """Deals that keep the contract.

    Attributes:
        table: standard columns where mapped (`deals.contract.STANDARD`), ``won`` (1.0, 0.0, missing while open), the user's columns;
            of deals that stay in their engine, only the columns that the plan needs.
        quality: scores and suspicious patterns of the table as it came.
        quarantine: the rows left out, as they came, with columns ``row`` (0-based in the source, or the deal's id where
            an engine has no order) and ``reasons`` in front.
        fingerprint: of the kept table's content: the same for the same rows from every engine, in any order.
        counts: counts cells where the deals are, or returns None for cells that it cannot count; not given for deals in memory.
        remarks: what must be known of how the deals came, such as that `table` is a sample of them; on the page they are checks of the run.
        there: all the deals that keep the contract, as an Ibis table of their engine; not given for deals in memory.
    """

    table: pd.DataFrame
    quality: Quality
    quarantine: pd.DataFrame
    fingerprint: str
    counts: Callable[[Cells], pd.DataFrame | None] | None = None
    remarks: tuple[Check, ...] = ()
    there: Any = None

    def sample(self, need: Need) -> pd.DataFrame:
        """Return what a method or a check said it needs, counted where the deals are when that is possible."""
        if self.counts is not None and isinstance(need, Cells):
            found = self.counts(need)
            if found is not None:
                return found
        return need.sample(self._closed if getattr(need, "closed_only", True) else self.table)

    @cached_property
    def _closed(self) -> pd.DataFrame:
        """The closed deals, taken out once: samples of them then share their columns."""
        closed = self.table["won"].notna()
        return self.table if closed.all() else self.table[closed]
