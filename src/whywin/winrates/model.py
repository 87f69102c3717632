"""A fitted model of win rates by itself: it predicts deals that it has not seen, is saved, and is read again."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.deals.dates import dates
from whywin.deals.derived import sources_of, with_derived
from whywin.deals.need import Cells, cut, edges_of
from whywin.errors import DataError, QuestionError, nearest
from whywin.stats.streams import stream
from whywin.winrates.prediction import predicted, terms_of
from whywin.winrates.structure import MISSING

POSTERIOR: Final = "posterior.nc"
DESCRIPTION: Final = "model.json"
MOST_NUMBERS: Final = 8_000_000  # draws × cells that are predicted at a time
_RATES: Final = ("rate", "low", "high")
_DATES: Final = ("created", "closed")
_NOWHERE: Final = "\0"  # a level that no deal has


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A fitted model with all that it takes to predict a deal from its row in a CRM.

    Attributes:
        tree: draws of the posterior (see `sampling.tree_of`).
        dimensions: the columns whose levels have effects; periods and bands of amounts among them.
        columns: the columns of a deal that these follow from, under their standard names.
        edges: by banded column, the amounts at which the bands of the fitted deals meet.
        level: coverage of the intervals, where none is asked for.
        seed: what the effects of unseen levels are drawn from: the same model says the same of a deal every time.
    """

    tree: Any
    dimensions: tuple[str, ...]
    columns: tuple[str, ...]
    edges: Mapping[str, tuple[float, ...]]
    level: float
    seed: int

    def predict(self, deals: pd.DataFrame, level: float | None = None) -> pd.DataFrame:
        """Return one row a deal, under the deals' own index: its chance to be won, and how sure that is.

        Columns ``rate``, ``low`` and ``high`` are in percent: the posterior mean and the equal-tailed interval of the win rate of
        deals like it, not of its one outcome. ``unseen`` names the columns in which the deal has a level that no fitted deal had,
        such as a new region or the next quarter: the interval is then the wider. What is said of a deal does not depend on the
        deals beside it.

        Args:
            deals: has the model's `columns`, dates as dates or as text; further columns are ignored.
            level: coverage of the intervals.

        Raises:
            DataError: columns are missing, or hold what is no date or no number; every fault at once.
            QuestionError: the level is not between 0 and 1.
        """
        level = self.level if level is None else level
        if not 0 < level < 1:
            raise QuestionError(f"level: must be between 0 and 1, such as 0.95, got {level:g}")
        typed, faults = self._understood(deals, {})
        if faults:
            raise DataError(faults)
        table = with_derived(typed, self.dimensions)
        labels = pd.DataFrame({name: self._labels(table[name], name) for name in self.dimensions})
        cells = labels.drop_duplicates(ignore_index=True)
        number = labels.groupby(list(self.dimensions), sort=False).ngroup().to_numpy()
        found = pd.DataFrame(self._intervals(cells, level), columns=list(_RATES)).assign(unseen=self._unseen(cells))
        return found.iloc[number].set_axis(deals.index)

    def mean_rates(self, deals: pd.DataFrame, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return draws of the mean win rate of deals, 0 to 1; those that share an unseen level, such as the next quarter, share its draw."""
        table = with_derived(deals, self.dimensions)
        labels = pd.DataFrame({name: self._labels(table[name], name) for name in self.dimensions})
        cells = labels.groupby(list(self.dimensions), sort=True).size().rename("deals").reset_index()
        share = cells["deals"].to_numpy(np.float64) / len(deals)
        return np.concatenate([rates @ share for rates in predicted(self.tree, cells, rng)])

    def faults(self, deals: pd.DataFrame, own: Mapping[str, str]) -> list[str]:
        """Return every way in which deals cannot be predicted; `own` gives a standard column's name in the reader's table."""
        return self._understood(deals, own)[1]

    def seen(self, name: str) -> list[str]:
        """Return the levels of a dimension that the fitted deals had."""
        terms = terms_of(self.tree)
        if name not in terms:
            return []
        owned = self.tree.constant_data["owner"].to_numpy() == terms.index(name)
        return [str(label).removeprefix(f"{name}=") for label in self.tree.posterior["level"].to_numpy()[owned]]

    def description(self) -> str:
        """Return as JSON what is not in the posterior."""
        kept = {"dimensions": self.dimensions, "columns": self.columns, "edges": dict(self.edges)}
        return json.dumps({**kept, "level": self.level, "seed": self.seed}, indent=2, ensure_ascii=False)

    def save(self, folder: Path) -> None:
        """Write ``posterior.nc``, which xarray reads without whywin, and ``model.json`` into a folder; it is made when missing."""
        folder.mkdir(parents=True, exist_ok=True)
        self.tree.to_netcdf(folder / POSTERIOR, engine="h5netcdf")
        (folder / DESCRIPTION).write_text(self.description(), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "FittedModel":
        """Read a model that was saved in a folder; it predicts the same to the last bit."""
        import xarray as xr

        kept = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        with xr.open_datatree(folder / POSTERIOR, engine="h5netcdf") as opened:
            tree = opened.load()
        edges = {name: tuple(ends) for name, ends in kept["edges"].items()}
        return cls(tree, tuple(kept["dimensions"]), tuple(kept["columns"]), edges, kept["level"], kept["seed"])

    def _understood(self, deals: pd.DataFrame, own: Mapping[str, str]) -> tuple[pd.DataFrame, list[str]]:
        faults: list[str] = []
        table: dict[str, pd.Series] = {}
        for name in self.columns:
            called = own.get(name, name)
            if name not in deals.columns:
                faults.append(_missing(name, called, deals))
                continue
            try:
                table[name] = self._typed(deals[name], name)
            except DataError as error:
                faults += error.faults
            else:
                faults += _lost(name, called, deals[name], table[name])
        return pd.DataFrame(table, index=deals.index), faults

    def _typed(self, values: pd.Series, name: str) -> pd.Series:
        if name in _DATES:
            return dates(values, name)
        if name in self.edges:
            return pd.to_numeric(values, errors="coerce").astype("float64").replace([np.inf, -np.inf], np.nan)
        return values

    def _labels(self, values: pd.Series, name: str) -> pd.Series:
        labels = cut(values, self.edges[name]) if name in self.edges else values.astype("string")
        return _as_seen(labels.fillna(MISSING), self.seen(name))

    def _unseen(self, cells: pd.DataFrame) -> list[str]:
        new = {name: ~cells[name].isin(self.seen(name)).to_numpy(bool) for name in self.dimensions}
        return [", ".join(name for name, is_new in new.items() if is_new[row]) for row in range(len(cells))]

    def _intervals(self, cells: pd.DataFrame, level: float) -> NDArray[np.float64]:
        step = max(1, MOST_NUMBERS // self.tree.posterior["intercept"].size)
        parts = [self._part(cells.iloc[start : start + step], level) for start in range(0, len(cells), step)]
        return np.concatenate([np.empty((0, len(_RATES))), *parts])

    def _part(self, cells: pd.DataFrame, level: float) -> NDArray[np.float64]:
        # A cell of nothing but unseen levels stands before the others: every term draws then, so that each finds its own numbers.
        nowhere = pd.DataFrame({name: [_NOWHERE] for name in self.dimensions}, dtype="string")
        rng = _Alike(stream(self.seed, "predict").bit_generator)
        drawn = predicted(self.tree, pd.concat([nowhere, cells], ignore_index=True), rng)
        rates = np.ascontiguousarray(np.concatenate(list(drawn))[:, 1:].T)
        low, high = np.quantile(rates, [(1 - level) / 2, (1 + level) / 2], axis=1)
        return 100 * np.column_stack([np.clip(rates.mean(axis=1), low, high), low, high])


class _Alike(np.random.Generator):
    """Normal numbers that are alike in every column: each unseen level of a term gets the same draws, whichever others there are.

    Each deal's own interval is right so; differences between deals of several unseen levels would not be.
    """

    def standard_normal(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
        """Return draws × levels."""
        return np.broadcast_to(super().standard_normal((size[0], 1), dtype, out), size)


def fitted_model(need: Cells, table: pd.DataFrame, tree: Any, level: float, seed: int) -> FittedModel:
    """Return the model that was fitted to the cells that were asked of a table of deals.

    Args:
        need: the cells.
        table: the deals, under standard names.
        tree: draws of the posterior (see `sampling.tree_of`).
        level: coverage of its intervals.
        seed: of its draws for unseen levels.
    """
    closed = with_derived(table[table["won"].notna()], need.banded)
    columns = dict.fromkeys(source for name in need.by for source in sources_of(name, table.columns))
    edges = {name: edges_of(closed[name], need.bands) for name in need.banded}
    return FittedModel(tree, need.by, tuple(columns), edges, level, seed)


def predicts(tree: Any) -> bool:
    """Whether a posterior is one of effects by level, from which deals can be predicted."""
    groups = {"posterior": {"intercept", "sd", "effect"}, "constant_data": {"owner"}}
    return tree is not None and all(name in tree.children and held <= set(tree[name].data_vars) for name, held in groups.items())


def _as_seen(labels: pd.Series, seen: Iterable[str]) -> pd.Series:
    """Return labels as the fitted deals wrote them: a blank is missing, and 1.0 is the label 1, or the other way round."""
    known = set(seen)
    alike = {_plain(label): label for label in sorted(known, reverse=True)}
    found = {label: label if label in known else alike.get(_plain(label), _plain(label)) for label in labels.unique()}
    return labels.map(found).astype("string")


def _plain(label: str) -> str:
    return label.strip().removesuffix(".0") or MISSING


def _missing(name: str, called: str, deals: pd.DataFrame) -> str:
    known = f" ({name} in the plan)" if called != name else ""
    near = nearest(called, deals.columns, otherwise=f"; there are {', '.join(map(str, deals.columns))}")
    return f"the deals have no column {called!r}{known}, which the model needs{near}"


def _lost(name: str, called: str, given: pd.Series, understood: pd.Series) -> Iterable[str]:
    """Say of what was given and could not be understood which it is first."""
    lost = (understood.isna() & (given.astype("string").str.strip().fillna("") != "")).to_numpy(bool)
    if lost.any():
        row = int(np.flatnonzero(lost)[0])
        kind = "a date, such as 2024-03-31" if name in _DATES else "a number"
        yield f"{called}: must be {kind}, got {str(given.iloc[row])!r} in row {row}; mend it, or leave it empty"
