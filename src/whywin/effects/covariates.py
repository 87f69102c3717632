"""From columns of deals to numbers that a propensity model can use."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.effects.fit import is_label

MISSING: Final = "(missing)"


@dataclass(frozen=True, eq=False)
class Covariates:
    """What is adjusted for, as numbers.

    Attributes:
        matrix: one row a deal, one column a covariate.
        names: what each column is: "amount", "log amount", "region=North", "amount missing".
    """

    matrix: NDArray[np.float64]
    names: tuple[str, ...]


def covariates(deals: pd.DataFrame, columns: Sequence[str], logs: Sequence[str] = ()) -> Covariates:
    """Return the columns as numbers: labels as one column a level but the most frequent, numbers as they are, dates in days.

    The numbers of `logs` are taken as logarithms. A missing label is a level of its own.
    A missing number is set to the mean of the others, and a further column says where.
    """
    made = {name: values for column in columns for name, values in _numbers(column, deals[column], log=column in logs)}
    matrix = np.column_stack(list(made.values())) if made else np.empty((len(deals), 0))
    return Covariates(matrix, tuple(made))


def _numbers(name: str, values: pd.Series, *, log: bool) -> Iterator[tuple[str, NDArray[np.float64]]]:
    if is_label(values):
        labels = values.astype("string").fillna(MISSING)
        counts = labels.value_counts()
        reference = min(counts.index, key=lambda label: (-counts[label], label))
        for level in sorted(set(counts.index) - {reference}):
            yield f"{name}={level}", (labels == level).to_numpy(dtype=np.float64)
        return
    if pd.api.types.is_datetime64_any_dtype(values):
        values = (values - values.min()).dt.total_seconds() / 86_400
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    if log:
        name, numbers = f"log {name}", np.log(numbers)
    missing = np.isnan(numbers)
    yield name, np.where(missing, numbers[~missing].mean() if (~missing).any() else 0.0, numbers)
    if missing.any():
        yield f"{name} missing", missing.astype(np.float64)
