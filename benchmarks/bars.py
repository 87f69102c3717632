"""What the issues ask of speed and memory, held against the rows of the benchmarks."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

READ, ROWS, COUNTS, LARGEST = (
    "read + aggregate",
    "win-rate model on deals",
    "win-rate model from counts",
    "win-rate model, 48,000 cells",
)
MATCHING, BOOTSTRAP = "matching with interval, against points", "matching with interval, against a bootstrap of 399"
REFUTERS, TRIAL = "refuters: a hundred placebo refits", "trial of 5 metrics and 500 reps, adjusted"
PARSED = "all columns are parsed and written once: rules, scores, fingerprint and counts pass over the deals many times"
COMPILED = (
    "ours compiles its model each time, most of its seconds whatever the number of deals; rows cost more the more there are"
)


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        task: of the rows.
        way: the side that it holds for.
        most: what the measure may be, or, with `of`, how many times that of another side.
        measure: a column of the rows, or "exponent" of the growth of seconds with deals.
        of: the other side.
        deals: of the row; the largest number there is when not given.
        reason: why it is missed where it is known to be.
    """

    task: str
    way: str
    most: float
    measure: str = "seconds"
    of: str | None = None
    deals: int | None = None
    reason: str = ""

    def __str__(self) -> str:
        """Return the bar in words."""
        return f"{self.measure} ≤ {self.most:g}{f' × {self.of}' if self.of else ''}"


BARS = (
    Bar(f"{READ}, parquet", "whywin, counting", 1.3, of="DuckDB SQL", deals=10_000_000),
    Bar(f"{READ}, csv", "whywin, counting", 1.3, of="DuckDB SQL", deals=10_000_000, reason=PARSED),
    Bar(f"{READ}, parquet", "whywin, page", 2048, "MB", deals=10_000_000),
    Bar(ROWS, "whywin, NUTS", 1 / 20, "ms a draw", "PyMC on deal rows", 5_000, COMPILED),
    Bar(ROWS, "whywin, NUTS", 1 / 20, "ms a draw", "bambi on deal rows", 5_000, COMPILED),
    Bar(LARGEST, "whywin, fast engine", 10, deals=10_000_000),
    Bar(COUNTS, "whywin, fast engine", 0.1, "exponent"),
    Bar(MATCHING, "ours_interval", 0.5, of="dowhy_point", deals=1_000_000),
    Bar(MATCHING, "ours_interval", 530, "MB", deals=1_000_000),
    Bar(MATCHING, "ours_interval", 1.15, "exponent"),  # n log n from ten thousand to a million
    Bar(BOOTSTRAP, "ours_interval", 0.01, of="dowhy_interval", deals=10_000),
    Bar(REFUTERS, "ours_placebo", 1, deals=10_000),
    Bar(REFUTERS, "ours_placebo", 8, deals=100_000),
    Bar(TRIAL, "whywin, DuckDB", 0.1, deals=1_000_000),
    Bar(TRIAL, "whywin, Arrow", 0.1, deals=1_000_000),
    Bar(TRIAL, "whywin, pandas", 0.5, deals=1_000_000),
    Bar(TRIAL, "whywin, DuckDB", 100, "MB above", deals=1_000_000),
    Bar(TRIAL, "whywin, pandas", 100, "MB above", deals=1_000_000),
    Bar(TRIAL, "whywin, DuckDB, 999 + 999 draws", 1, deals=1_000_000),
)


def with_ratios(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with ``ratio``: seconds to those of the first side of the same task and number of deals."""
    first = table.groupby(["task", "deals"], sort=False)["seconds"].transform("first")
    return table.assign(ratio=table["seconds"] / first)


def growth(table: pd.DataFrame) -> pd.DataFrame:
    """Return, for each side with three numbers of deals or more, by which power of deals its seconds grow."""
    rows = []
    for (task, way), part in table.dropna(subset="seconds").groupby(["task", "way"], sort=False):
        if part["deals"].nunique() > 2:  # noqa: PLR2004 - two points are no growth
            power = np.polyfit(np.log(part["deals"]), np.log(part["seconds"]), 1)[0]
            rows.append(
                {"task": task, "way": way, "from": part["deals"].min(), "to": part["deals"].max(), "exponent": float(power)}
            )
    return pd.DataFrame(rows, columns=["task", "way", "from", "to", "exponent"])


def judged(table: pd.DataFrame, powers: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each bar whose rows are there: what was measured, and whether it is met."""
    return pd.DataFrame(list(_judged(table, powers)), columns=["task", "way", "deals", "bar", "measured", "met", "reason"])


def _judged(table: pd.DataFrame, powers: pd.DataFrame) -> Iterator[dict[str, object]]:
    for bar in BARS:
        rows = (powers if bar.measure == "exponent" else table).query("task == @bar.task")
        own = rows[rows["way"] == bar.way]
        if bar.measure != "exponent":
            other = rows[rows["way"] == bar.of].dropna(subset=bar.measure) if bar.of and bar.measure in rows else own
            own = own[own["deals"].isin(other["deals"])]
            own = own[own["deals"] == (bar.deals or own["deals"].max())]
        if own.empty or bar.measure not in own or pd.isna(own[bar.measure].iloc[0]):
            yield {"task": bar.task, "way": bar.way, "deals": bar.deals, "bar": str(bar), "met": "not measured", "reason": ""}
            continue
        found, deals = float(own[bar.measure].iloc[0]), own.get("deals", own.get("to")).iloc[0]
        if bar.of:
            found /= float(other.loc[other["deals"] == deals, bar.measure].iloc[0])
        met = found <= bar.most
        said = {"task": bar.task, "way": bar.way, "deals": deals, "bar": str(bar), "measured": found}
        yield said | {"met": "yes" if met else "NO", "reason": "" if met else bar.reason}
