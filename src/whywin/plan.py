"""Everything that is settled before the data are looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, MinLen, doc

from whywin.catalogue import Question
from whywin.deals.contract import Contract
from whywin.settings import check_settings
from whywin.worlds.knobs import Market

Replacements = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Join:
    """A further table whose columns are added to the deals that match it."""

    path: Annotated[Path, doc("the file of the further table")]
    on: Annotated[str, doc("the column that both tables share")]
    separator: Annotated[str | None, doc("what separates the columns of a CSV file; found out when not given")] = None
    table: Annotated[str | None, doc("the table's name in a .duckdb file")] = None
    replace: Annotated[Replacements, doc("column: {label as it stands: label as it should be}, before joining")] = field(
        default_factory=dict
    )


@dataclass(frozen=True)
class File:
    """A table of deals in a file."""

    path: Annotated[Path, doc("a .csv, .parquet or .duckdb file; ${NAME} is an environment variable")]
    separator: Annotated[str | None, doc("what separates the columns of a CSV file; found out when not given")] = None
    table: Annotated[str | None, doc("the table's name in a .duckdb file")] = None
    replace: Annotated[Replacements, doc("column: {label as it stands: label as it should be}, before joining")] = field(
        default_factory=dict
    )
    join: Annotated[tuple[Join, ...], doc("further tables whose columns are added")] = ()


@dataclass(frozen=True)
class Simulated:
    """A table of a made-up market, whose truth is shown beside the estimates."""

    world: Annotated[Market, doc("the market")]
    table: Annotated[Literal["deals", "trial"], doc("which of its tables")] = "deals"


Source = File | Simulated


@dataclass(frozen=True)
class Track:
    """Where a run is recorded."""

    experiment: Annotated[str, MinLen(1), doc("the MLflow experiment that the run is recorded in")] = "whywin"
    tags: Annotated[Mapping[str, str], doc("further tags of the run")] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Plan:
    """A question, its data, the methods that answer it, the checks that may undo the answer, and the seed.

    Attributes:
        name: short name of the plan; runs are found by it.
        question: what is asked of which deals.
        source: where the deals are; None when `study` is given a table directly.
        methods: methods by label; the first is the answer, the others stand beside it.
        checks: checks by name; those not given run with their defaults.
        deals: the contract of the deal table.
        seed: what every random stream of the run starts from.
        description: a sentence for people, shown on the page.
        track: where the run is recorded, and under which tags.
    """

    name: Annotated[str, MinLen(1), doc("short name of the plan; runs are found by it")]
    question: Question
    methods: Annotated[Mapping[str, Any], MinLen(1), doc("the first is the answer, the others stand beside it")]
    source: Source | None = None
    deals: Contract = field(default_factory=Contract)
    checks: Mapping[str, Any] = field(default_factory=dict)
    seed: Annotated[int, Ge(0), doc("what every random stream of the run starts from")] = 0
    description: Annotated[str, doc("a sentence for people, shown on the page")] = ""
    track: Track = field(default_factory=Track)

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    @property
    def headline(self) -> str:
        """The label of the method whose estimates are the answer."""
        return next(iter(self.methods))
