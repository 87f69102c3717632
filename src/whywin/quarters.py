"""What a quarterly report is made of, as a config says it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd
from annotated_types import Ge, Gt, Lt, MinLen, doc

from whywin.errors import ConfigError
from whywin.settings import check_settings


@dataclass(frozen=True)
class Wanted:
    """What is claimed of the next quarter after each run."""

    segments: Annotated[tuple[str, ...], doc("all, column=level, or a column for each of its levels")] = ("all",)
    quantity: Annotated[str | None, doc("what is claimed; the run's main quantity when not given")] = None
    level: Annotated[float, Gt(0), Lt(1), doc("probability that the number will lie within the interval")] = 0.8


@dataclass(frozen=True)
class Part:
    """A plan that the report tells of."""

    plan: Annotated[Path, doc("the config of the plan; looked for beside the report's")]
    set: Annotated[
        tuple[str, ...],
        doc("changes for the quarter, such as question.current=[{quarter}]; {previous}, {start} and {end} are known too"),
    ] = ()
    claims: Annotated[tuple[Wanted, ...], doc("what is claimed of the next quarter")] = ()


@dataclass(frozen=True)
class Moves:
    """What moving effort between the levels of a dimension would give."""

    column: Annotated[str, doc("the dimension whose levels effort can be moved between, such as lead_source")]
    deals: Annotated[int, Ge(1), doc("how many deals' worth of effort can be moved: the capacity")] = 50


@dataclass(frozen=True)
class Quarterly:
    """A quarterly report."""

    name: Annotated[str, MinLen(1), doc("short name of the report")]
    title: Annotated[str, MinLen(1), doc("what stands at the top of it")]
    plans: Annotated[tuple[Part, ...], MinLen(1), doc("the plans it tells of, win rates first")]
    quarters: Annotated[
        tuple[str, ...], doc("quarters that --run goes through, such as 2024Q1; the one asked for when not given")
    ] = ()
    moves: Annotated[Moves | None, doc("between which segments effort could be moved")] = None
    description: Annotated[str, doc("a sentence for people")] = ""

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)
        for quarter in self.quarters:
            Quarter.of(quarter)


@dataclass(frozen=True)
class Quarter:
    """A quarter of a year."""

    period: pd.Period

    @classmethod
    def of(cls, text: str) -> "Quarter":
        """Read a quarter such as 2024Q1.

        Raises:
            ConfigError: it is none.
        """
        found = re.fullmatch(r"(\d{4})[Qq]([1-4])", text)
        if found is None:
            raise ConfigError(f"quarter: must be a year and a quarter, such as 2024Q1, got {text!r}")
        return cls(pd.Period(f"{found[1]}Q{found[2]}", freq="Q"))

    def __str__(self) -> str:
        """Return it as 2024Q1."""
        return str(self.period)

    @property
    def end(self) -> pd.Timestamp:
        """Its last day."""
        return self.period.end_time.normalize()

    @property
    def next(self) -> "Quarter":
        """The one after it."""
        return Quarter(self.period + 1)

    def filled(self, text: str) -> str:
        """Return a change with the quarter's own values in place of {quarter}, {previous}, {start} and {end}."""
        values = {
            "{quarter}": str(self.period),
            "{previous}": str(self.period - 1),
            "{start}": f"{self.period.start_time:%Y-%m-%d}",
            "{end}": f"{self.end:%Y-%m-%d}",
        }
        for name, value in values.items():
            text = text.replace(name, value)
        return text
