"""Win rates of cells that a fitted model may not have seen, new levels included.

A level that the model has not seen is drawn from its dimension's distribution: with L levels seen, a new one lies off their mean by
sd sqrt(1 + 1 / L), since that mean is itself L draws of the same distribution. A period after the last one continues the walk, and
is the less sure the farther ahead it lies.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.stats.zero_sum import walk_step
from whywin.winrates.rates import win_rates

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
UNSEEN: Final = -1
BETWEEN: Final = " × "


def places(tree: Any, cells: pd.DataFrame) -> Integers:
    """Return terms × cells: which effect of each term belongs to each cell, and -1 where the model has not seen it."""
    number = {label: place for place, label in enumerate(tree.posterior["level"].to_numpy().tolist())}
    return np.array([_labels(cells, term).map(number).fillna(UNSEEN).to_numpy(np.int64) for term in terms_of(tree)]).reshape(
        -1, len(cells)
    )


def terms_of(tree: Any) -> list[str]:
    """Return the names of the model's terms."""
    return [str(term) for term in tree.posterior["term"].to_numpy()]


def _labels(cells: pd.DataFrame, term: str) -> pd.Series:
    parts = term.split(BETWEEN)
    if not set(parts) <= set(cells.columns):
        return pd.Series("", index=cells.index)
    labels = [part + "=" + cells[part].astype(str) for part in parts]
    return labels[0] if len(labels) == 1 else labels[0] + BETWEEN + labels[1]


def predicted(tree: Any, cells: pd.DataFrame, rng: np.random.Generator, chosen: slice | None = None) -> Iterator[Floats]:
    """Yield the win rates of any cells, some draws at a time: draws × cells, in shares.

    Args:
        tree: draws of the model (see `sampling.tree_of`).
        cells: one row a cell, with a column of labels for each dimension of the model; further columns are ignored.
        rng: for what the model has not seen; a new label has the same effect in all its cells.
        chosen: which of the draws, chain after chain; all of them when not given.
    """
    place = places(tree, cells)
    every = chosen or slice(None)
    intercept = tree.posterior["intercept"].to_numpy().reshape(-1)
    effect = tree.posterior["effect"].to_numpy().reshape(len(intercept), -1)[every]
    sd = tree.posterior["sd"].to_numpy().reshape(len(intercept), -1)[every]
    added = [effect]
    count = effect.shape[1]
    for number, term in enumerate(terms_of(tree)):
        if (place[number] < 0).any():
            one = _unseen(tree, term, cells, place[number])
            drawn = sd[:, [number]] * rng.standard_normal((len(effect), len(one.widths))) * one.widths
            added.append(drawn + effect[:, np.maximum(one.bases, 0)] * (one.bases >= 0))
            place[number] = np.where(one.which >= 0, one.which + count, place[number])
            count += len(one.widths)
    yield from win_rates(intercept[every], np.hstack(added), place)


class _Unseen:
    """The new labels of a term: how far each is from what it starts at, in standard deviations, and which cells have which."""

    def __init__(self, labels: pd.Series, missing: NDArray[np.bool_]) -> None:
        codes, names = pd.factorize(labels.where(pd.Series(missing, index=labels.index)))
        self.which: Integers = codes.astype(np.int64)
        self.names: list[str] = [str(name) for name in names]
        self.widths: Floats = np.ones(len(names))
        self.bases: Integers = np.full(len(names), UNSEEN)


def _unseen(tree: Any, term: str, cells: pd.DataFrame, place: Integers) -> _Unseen:
    found = _Unseen(_labels(cells, term), place < 0)
    labels = tree.posterior["level"].to_numpy().tolist()
    owner = tree.constant_data["owner"].to_numpy() == terms_of(tree).index(term)
    number = {labels[place]: place for place in np.flatnonzero(owner)}
    seen = list(number)
    found.widths[:] = np.sqrt(1 + 1 / max(len(seen), 1))
    walks = set(np.atleast_1d(tree.attrs.get("walks", [])).tolist())
    moving = [part for part in term.split(BETWEEN) if part in walks]
    if not moving:
        return found
    levels = _levels(seen, moving[0])
    for place_of, name in enumerate(found.names):
        ahead = _ahead(_values(name)[moving[0]], levels)
        if ahead is None:
            continue
        steps, end = ahead
        base = BETWEEN.join(f"{part}={end if part == moving[0] else value}" for part, value in _values(name).items())
        if base in number:
            found.bases[place_of] = number[base]
            found.widths[place_of] = walk_step(len(levels)) * np.sqrt(steps)
    return found


def _values(label: str) -> Mapping[str, str]:
    return {name: value for name, _, value in (part.partition("=") for part in label.split(BETWEEN))}


def _levels(labels: list[str], column: str) -> list[str]:
    return list(dict.fromkeys(_values(label)[column] for label in labels))


def _ahead(label: str, levels: list[str]) -> tuple[int, str] | None:
    """How many steps a period lies after the last level, or before the first, and which that is; None of what is no period."""
    try:
        place, first, last = (pd.Period(each) for each in (label, levels[0], levels[-1]))
        after, before = (place - last).n, (first - place).n
    except (ValueError, TypeError, AttributeError):
        return None
    return (after, levels[-1]) if after > 0 else (before, levels[0]) if before > 0 else None
