"""A table of deals that keeps its contract, with what was found on the way."""

from dataclasses import dataclass

import pandas as pd

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
        table: standard columns where mapped (`deals.contract.STANDARD`), ``won`` (1.0, 0.0, missing while open), the user's columns.
        quality: scores and suspicious patterns of the table as it came.
        quarantine: the rows left out, as they came, with columns ``row`` (0-based in the source) and ``reasons`` in front.
        fingerprint: sha256 of the table's content; another order of the same rows is another fingerprint.
    """

    table: pd.DataFrame
    quality: Quality
    quarantine: pd.DataFrame
    fingerprint: str
