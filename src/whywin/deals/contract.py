"""The contract of a deal table: how any CRM's columns and labels become ours."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Final

import pandas as pd
from annotated_types import Ge, Le, doc

from whywin.errors import DataError
from whywin.settings import check_settings

STANDARD: Final = ("deal_id", "outcome", "created", "closed", "rep", "stage", "amount", "cycle_days")
OUTCOMES: Final = ("won", "lost", "open")


class ContractError(DataError):
    """More of a table breaks its contract than the plan allows; ``quarantine`` holds the bad rows with their reasons."""

    def __init__(self, faults: list[str], quarantine: pd.DataFrame) -> None:
        """Take one sentence a kind of fault, and the rows."""
        self.quarantine = quarantine
        super().__init__(faults)


@dataclass(frozen=True)
class Contract:
    """How a table of deals from any CRM maps to whywin's columns, and how much of it may be bad.

    Standard columns: deal_id (text), outcome ("won", "lost" or "open"; ``won`` is 1, 0 or missing beside it), created and closed
    (dates; closed is missing while a deal is open), rep, stage (text), amount (a number, in the CRM's currency) and
    cycle_days (the CRM's own idea of it; computed from the dates when not mapped). Further columns keep their names.
    """

    columns: Annotated[
        Mapping[str, str], doc("standard column: the table's own name of it; a standard name needs no line for itself")
    ] = field(default_factory=dict)
    won: Annotated[tuple[str, ...], doc("labels of the outcome column that mean a won deal")] = ("won",)
    lost: Annotated[tuple[str, ...], doc("labels of the outcome column that mean a lost deal")] = ("lost",)
    open: Annotated[tuple[str, ...], doc("labels of the outcome column that mean a deal still open; an empty cell does too")] = (
        "open",
    )
    as_of: Annotated[date | None, doc("the day the table was exported; the latest date in it when not given")] = None
    known_on: Annotated[
        date | None,
        doc("take the deals as they stood at the end of this day: later ones are left out, and what closed later is still open"),
    ] = None
    drop_duplicate_rows: Annotated[
        bool, doc("count rows that are alike in every column once; say so before the data are looked at")
    ] = False
    max_bad_share: Annotated[
        float, Ge(0), Le(1), doc("the run is refused when more than this share of the rows breaks the contract")
    ] = 0.05

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)
