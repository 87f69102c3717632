"""Whether columns can serve as outcomes that the treatment cannot have moved: every reason why not."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, Final

import pandas as pd

from whywin.deals.derived import with_derived
from whywin.effects.fit import there

FEWEST: Final = 2  # values that a column needs for anything to show on it


def faulty_negative_controls(question: Any, table: pd.DataFrame) -> Iterator[str]:
    """Say why a column cannot be a negative control: it must be a number that varies, and not be adjusted for."""
    for name in dict.fromkeys(question.negative_controls):
        if not there(name, table):
            near = get_close_matches(name, map(str, table.columns), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(map(str, table.columns))}"
            yield f"negative_controls: the deals have no column {name!r}; {hint}"
        elif name in {question.treatment, question.outcome}:
            yield f"negative_controls: {name!r} is the treatment or the outcome itself; name a column that the treatment cannot move"
        elif name in {*question.confounders, *question.adjust_anyway}:
            yield f"negative_controls: {name!r} is adjusted for, so that no effect on it can show; leave it out of one"
        else:
            yield from _unfit(name, table)


def _unfit(name: str, table: pd.DataFrame) -> Iterator[str]:
    values = with_derived(table[table["won"].notna()], [name])[name].dropna()
    if not (pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values)):
        example = f", got {values.iloc[0]!r}" if len(values) else ""
        yield f"negative_controls: {name!r} must be 0 or 1 or a number{example}; name a numeric column"
    elif values.nunique() < FEWEST:
        yield f"negative_controls: {name!r} has the same value in every closed deal, so that nothing could show on it; leave it out"
