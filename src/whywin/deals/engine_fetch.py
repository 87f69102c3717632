"""Columns of deals brought from an engine, some rows at a time."""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import pandas as pd

from whywin.deals.engine_counts import derived_there, named_periods, period

ALWAYS: Final = ("created", "closed", "outcome", "won")
LABELS: Final = ("deal_id", "rep", "stage", "outcome")  # what the contract makes texts of
ROWS: Final = 200_000  # brought at a time
MOST_LABELS: Final = 30_000  # labels of a column that fit a code of 16 bits


def fetched(kept: Any, wanted: Iterable[str], *, by_id: bool, compact: bool) -> pd.DataFrame:
    """Return columns of kept deals, derived ones too; names that are none are passed over.

    Args:
        kept: kept deals, as an Ibis table.
        wanted: names of columns.
        by_id: in the order of the ids, for engines without an order of their own.
        compact: texts as codes with a list of their labels, in a byte or two each, instead of texts.
    """
    wanted = tuple(dict.fromkeys((*wanted, *ALWAYS)))
    names = [name for name in wanted if name in kept.columns]
    made = {name: period(kept, name) for name in wanted if name not in kept.columns and derived_there(kept, name)}
    if by_id:
        kept = kept.order_by("deal_id")
    taken = kept.select(*names, **made)
    columns = {name: _Column(name, coded=compact and (name in made or taken[name].type().is_string())) for name in taken.columns}
    one_by_one = (
        compact and not by_id and taken.get_backend().name == "duckdb"
    )  # it holds all of a result before the first row comes
    for group in [[name] for name in columns] if one_by_one else [list(columns)]:
        for batch in taken.select(*group).to_pyarrow_batches(chunk_size=ROWS):
            for name, values in zip(batch.schema.names, batch.columns, strict=True):
                columns[name].add(values)
    found = {name: columns.pop(name).whole() for name in list(columns)}
    _given_back()
    for name in made if not compact else ():
        found[name] = named_periods(found[name], name)
    return pd.DataFrame(found, copy=False)  # a copy of ten million rows would be the most that is ever held


def _given_back() -> None:
    """Give back what Arrow keeps of the batches for the next ones: hundreds of megabytes after ten million rows."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()


class _Column:
    """One column as it comes, in parts that take no more memory than the whole will."""

    def __init__(self, name: str, *, coded: bool) -> None:
        self._name, self._coded = name, coded
        self._parts: list[Any] = []
        self._known: dict[Any, int] = {}

    def add(self, values: Any) -> None:
        """Take the next rows, as an Arrow array."""
        self._parts.append(self._codes(values) if self._coded else _plain(values, self._name))

    def _codes(self, values: Any) -> np.ndarray:
        """Return codes into the labels known so far; -1 is missing."""
        encoded = values.dictionary_encode()
        places = [self._known.setdefault(label, len(self._known)) for label in encoded.dictionary.to_pylist()]
        kind = np.int16 if len(self._known) < MOST_LABELS else np.int32
        codes: np.ndarray = np.array([*places, -1], dtype=kind)[
            encoded.indices.fill_null(len(places)).to_numpy(zero_copy_only=False)
        ]
        return codes

    def whole(self) -> pd.Series:
        """Return all rows; the parts are given up."""
        parts, self._parts = self._parts, []
        if not self._coded:
            return pd.concat(parts, ignore_index=True) if parts else pd.Series(dtype="object")
        if self._name not in LABELS and all(isinstance(label, int) for label in self._known):
            known = dict(zip(self._known, named_periods(pd.Series(list(self._known), dtype="int64"), self._name), strict=True))
        else:
            known = {label: label for label in self._known}
        labels = sorted(known.values())
        order = np.array([*(labels.index(known[label]) for label in self._known), -1], dtype=np.int32)
        codes = np.concatenate(
            [order[part].astype(np.min_scalar_type(-len(labels) - 1)) for part in parts] or [np.array([], int)]
        )
        return pd.Series(pd.Categorical.from_codes(codes, categories=pd.Index(labels, dtype="str")))


def _plain(values: Any, name: str) -> pd.Series:
    import pyarrow as pa

    column: pd.Series = values.to_pandas()
    if pa.types.is_timestamp(values.type):
        return column.astype("datetime64[us]")
    if name in LABELS:
        return column.astype("string")
    return column.astype("float64") if name == "won" else column
