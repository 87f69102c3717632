"""Everything that is settled before the data are looked at."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from annotated_types import Ge, MinLen, doc

from whywin.catalogue import Question
from whywin.deals.contract import Contract
from whywin.deals.interventions import Interventions
from whywin.errors import ConfigError
from whywin.settings import check_settings
from whywin.trials.design import TrialDesign
from whywin.worlds.knobs import Market

Replacements = Mapping[str, Mapping[str, str]]
PASSWORD: Final = re.compile(r"://[^/@:]*:(?P<password>.*)@|[?&;](?:password|pwd|token|secret)=(?P<other>[^&;]*)", re.IGNORECASE)
VARIABLE_ONLY: Final = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
AT_MOST: Final = 200_000  # deals whose effect, with every check that refits it, is told in minutes and 2 GB
AtMost = Annotated[
    int | None,
    Ge(1_000),
    doc(
        "of deals in place, the effect of an intervention is told from so many at most, drawn at random by the plan's seed and the deals' "
        "ids; null for all of them; win rates and trials are told from all deals whatever it says"
    ),
]


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
    interventions: Annotated[tuple[Interventions, ...], doc("logs of what was done to the deals")] = ()
    in_place: Annotated[
        bool, doc("leave the deals in the file: rules and counts run in DuckDB and only needed columns are held in memory")
    ] = False
    counts: Annotated[
        Path | None, doc("a folder that keeps counts between runs of deals in place: only months that changed are counted anew")
    ] = None
    at_most: AtMost = AT_MOST

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules, and what cannot be done to deals that stay in their file."""
        check_settings(self)
        further = [name for name in ("replace", "join", "interventions") if getattr(self, name)]
        if self.in_place and further:
            raise ConfigError(
                f"in_place: {' and '.join(further)} cannot be done to deals that stay in the file; leave one of them out"
            )
        if self.counts is not None and not self.in_place:
            raise ConfigError("counts: are kept of deals that stay in the file; set in_place: true too")
        if self.at_most != AT_MOST and not self.in_place:
            raise ConfigError("at_most: deals are drawn where they stay in the file; set in_place: true too")


@dataclass(frozen=True)
class Simulated:
    """A table of a made-up market, whose truth is shown beside the estimates."""

    world: Annotated[Market, doc("the market")]
    table: Annotated[Literal["deals", "trial", "adoption", "suggestions", "alerts"], doc("which of its tables")] = "deals"
    interventions: Annotated[tuple[Interventions, ...], doc("which kinds of the market's log become columns")] = ()


@dataclass(frozen=True)
class Database:
    """A table of deals in a database server: PostgreSQL, or by the same code Snowflake and BigQuery."""

    connection: Annotated[
        str, MinLen(1), doc("such as postgres://user:${PASSWORD}@host:5432/name; secrets stand in environment variables only")
    ]
    table: Annotated[str, MinLen(1), doc("the table or view, such as deals or sales.deals")]
    counts: Annotated[Path | None, doc("a folder that keeps counts between runs: only months that changed are counted anew")] = (
        None
    )
    at_most: AtMost = AT_MOST

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules, and a password that is written out."""
        check_settings(self)
        secrets = [found["password"] or found["other"] or "" for found in PASSWORD.finditer(self.connection)]
        if any(secret and not VARIABLE_ONLY.fullmatch(secret) for secret in secrets):
            raise ConfigError("connection: holds a password in plain text; write ${PASSWORD} there and export PASSWORD")


@dataclass(frozen=True)
class Spark:
    """A table of deals that Spark reads."""

    engine: Annotated[Literal["spark"], doc("spark")]
    path: Annotated[str, MinLen(1), doc("a .parquet or .csv file, or a folder of such files, as Spark names it")]
    master: Annotated[str, MinLen(1), doc("where Spark runs, such as local[2] or spark://host:7077")] = "local[*]"
    counts: Annotated[Path | None, doc("a folder that keeps counts between runs: only months that changed are counted anew")] = (
        None
    )
    at_most: AtMost = AT_MOST

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)


Source = File | Simulated | Database | Spark
Engine = Database | Spark


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
        design: what a trial is designed for; None for other questions, and for a trial that says nothing of it.
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
    design: TrialDesign | None = None

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    @property
    def headline(self) -> str:
        """The label of the method whose estimates are the answer."""
        return next(iter(self.methods))
