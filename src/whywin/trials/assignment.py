"""How units are assigned to arms: by a salted hash, in strata, in matched pairs, or balanced on what they had before.

Sources: Morgan and Rubin (2012), Rerandomization to improve covariate balance in experiments, Annals of Statistics 40,
1263-1282, for the constrained scheme; Greevy, Lu, Silber and Rosenbaum (2004), Optimal multivariate matching before
randomization, Biostatistics 5, 263-275, for pairs; Baird, Bohren, McIntosh and Ozler (2018), Optimal design of experiments in
the presence of interference, REStat 100, 844-860, for saturation in two stages.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from annotated_types import Gt, Le, doc

from whywin.errors import ConfigError
from whywin.settings import check_settings
from whywin.stats.allocation import allocated, matched, rerandomised, uniform

Scheme = Literal["simple", "stratified", "pairs", "constrained"]
FEWEST = 2
NEWCOMERS = "newcomers"


@dataclass(frozen=True)
class Assignment:
    """How the units of a trial are assigned to its arms."""

    scheme: Annotated[
        Scheme,
        doc(
            "a coin a unit; exact numbers within the strata; pairs that were alike before; or a draw that balances what was before"
        ),
    ] = "stratified"
    salt: Annotated[str, doc("what the hashes begin with, beside the seed; the plan's name when not given")] = ""
    balance: Annotated[
        tuple[str, ...],
        doc("what pairs are matched and draws are balanced on, as each unit had it before: won, deals, or columns of numbers"),
    ] = ()
    acceptance: Annotated[float, Gt(0), Le(1), doc("share of the draws that the constrained scheme accepts as balanced")] = 0.1
    groups: Annotated[
        str | None,
        doc(
            "the ledger's column within whose levels the analysis deals units anew, usually stratum; when not given the question's strata, "
            "or stratum where units are paired"
        ),
    ] = None
    saturation: Annotated[
        tuple[tuple[str, float], ...],
        doc(
            "share of a unit's deals that an arm treats, as [arm, share], for a second stage by deal; all of them when not given"
        ),
    ] = ()

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)
        found = []
        if self.scheme in {"pairs", "constrained"} and not self.balance:
            found.append(f"balance: scheme {self.scheme} needs what the units had before, such as balance: [won, deals]")
        if self.balance and self.scheme in {"simple", "stratified"}:
            found.append(f"balance: scheme {self.scheme} balances nothing; choose pairs or constrained, or leave it out")
        if len(set(self.balance)) < len(self.balance):
            found.append(f"balance: {', '.join(self.balance)} names a column twice")
        found += [
            f"saturation: {arm} must have a share from 0 to 1, got {share}"
            for arm, share in self.saturation
            if not 0 <= share <= 1
        ]
        if found:
            raise ConfigError(found)


@dataclass(frozen=True)
class Drawing:
    """What an assignment is drawn by.

    Attributes:
        settings: the scheme and its settings.
        arms: the arms' labels, control first.
        shares: their planned shares, which sum to 1.
        seed: the plan's seed.
        salt: what the hashes begin with.
    """

    settings: Assignment
    arms: tuple[str, ...]
    shares: tuple[float, ...]
    seed: int
    salt: str

    @property
    def key(self) -> str:
        """What every hash begins with."""
        return f"{self.seed}\x1f{self.salt}"


def drawn(units: pd.DataFrame, drawing: Drawing, batch: int) -> pd.DataFrame:
    """Assign units: return columns unit, arm and stratum, the group within which the arms might have been dealt otherwise.

    Args:
        units: columns unit and stratum, and one ``before_…`` column for each name in `balance`; sorted by unit.
        drawing: what it is drawn by.
        batch: 1 for the first units of a trial, 2 for those that came later, and so on.

    Raises:
        ConfigError: the scheme does not fit the units.
    """
    scheme = drawing.settings.scheme
    if scheme == "simple" or (batch > 1 and scheme in {"pairs", "constrained"}):
        return _by_coin(units, drawing, "all" if scheme == "simple" else NEWCOMERS)
    groups = units["stratum"]
    if scheme == "pairs":
        groups = _paired(units, drawing)
    if batch > 1:
        groups = groups + f" · batch {batch}"
    arm = _within(units["unit"], groups, drawing, batch)
    if scheme == "constrained":
        arm = _balanced(units, arm, groups, drawing)
    _refuse_empty(arm, drawing) if batch == 1 else None
    return pd.DataFrame({"unit": units["unit"], "arm": [drawing.arms[place] for place in arm], "stratum": groups})


def treated_deals(deals: pd.Series, shares: pd.Series, drawing: Drawing) -> pd.Series:
    """Return for each deal whether the second stage treats it: each by its own hash, so that none ever moves.

    Args:
        deals: identifiers.
        shares: the share of its unit's deals that is treated.
        drawing: what the first stage was drawn by.
    """
    return pd.Series([uniform(f"{drawing.key}\x1fdeal", str(deal)) for deal in deals], index=deals.index) < shares


def _by_coin(units: pd.DataFrame, drawing: Drawing, group: str) -> pd.DataFrame:
    edges = np.cumsum(drawing.shares)[:-1]
    places = [int(np.searchsorted(edges, uniform(f"{drawing.key}\x1funit", unit), side="right")) for unit in units["unit"]]
    return pd.DataFrame({"unit": units["unit"], "arm": [drawing.arms[place] for place in places], "stratum": group})


def _within(unit: pd.Series, groups: pd.Series, drawing: Drawing, batch: int) -> np.ndarray:
    order = np.array([uniform(f"{drawing.key}\x1funit", name) for name in unit])
    start = uniform(f"{drawing.key}\x1fstart", str(batch))
    _, index = np.unique(groups.to_numpy(dtype=str), return_inverse=True)
    return allocated(index, order, drawing.shares, start)


def _paired(units: pd.DataFrame, drawing: Drawing) -> pd.Series:
    if len(drawing.arms) != 2 or abs(drawing.shares[0] - drawing.shares[1]) > 1e-9:  # noqa: PLR2004 - a pair has two
        raise ConfigError(
            f"question.assignment.scheme: pairs need two arms with equal shares, got {_listed(drawing)}; use stratified or constrained"
        )
    labels = pd.Series("", index=units.index)
    for stratum, rows in units.groupby("stratum", sort=True):
        pairs = matched(rows.filter(like="before_").to_numpy(dtype=float))
        labels[rows.index] = [f"{stratum} · pair {pair + 1}" for pair in pairs]
    return labels


def _balanced(units: pd.DataFrame, arm: np.ndarray, groups: pd.Series, drawing: Drawing) -> np.ndarray:
    _, index = np.unique(groups.to_numpy(dtype=str), return_inverse=True)
    rng = np.random.default_rng([drawing.seed, *(f"{drawing.salt}\x1fconstrained".encode())])
    matrix = units.filter(like="before_").to_numpy(dtype=float)
    found = rerandomised(matrix, arm, index, drawing.settings.acceptance, rng)
    if found is None:
        raise ConfigError(
            f"question.assignment.acceptance: none of the draws of {len(units)} units is as balanced as "
            f"{drawing.settings.acceptance:g} asks for; raise it, or balance on fewer columns"
        )
    return found


def _refuse_empty(arm: np.ndarray, drawing: Drawing) -> None:
    counts = np.bincount(arm, minlength=len(drawing.arms))
    found = [
        f"question.shares: arm {name!r} would get {count} of {len(arm)} units, and needs {FEWEST}; give it a larger share or wait for more units"
        for name, count in zip(drawing.arms, counts, strict=True)
        if count < FEWEST
    ]
    if found:
        raise ConfigError(found)


def _listed(drawing: Drawing) -> str:
    pairs: Mapping[str, float] = dict(zip(drawing.arms, drawing.shares, strict=True))
    return ", ".join(f"{arm} {share:g}" for arm, share in pairs.items())
