"""What a rule that says whom to treat is worth, when only so many can be treated.

Sources: Athey and Wager (2021), Policy learning with observational data, Econometrica 89, 133-161 (value from doubly robust scores);
Luedtke and van der Laan (2016), Optimal individualized treatments in resource-limited settings, International Journal of
Biostatistics 12, 283-303 (a capacity, and the influence of where it ends).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whywin.stats.heterogeneity import Told, freedom_of
from whywin.stats.influence import variance_of

Floats = NDArray[np.float64]
NEVER = -1


@dataclass(frozen=True, eq=False)
class Filled:
    """Who is treated under a capacity.

    Attributes:
        chance: the chance of each unit to be treated; 1 before the capacity ends, a lottery's where it ends, 0 behind.
        last: the place in the order at which the capacity ends; NEVER where it is larger than what is worth treating.
    """

    chance: Floats
    last: int


@dataclass(frozen=True)
class Worth:
    """The mean outcome, less costs, under a rule, and what it gains; fractions."""

    rule: Told
    over_random: Told
    over_current: Told
    current_over_random: Told


@dataclass(frozen=True, eq=False)
class Choice:
    """A choice of units by rules that were not learned from them.

    Attributes:
        rows: the units that were chosen from.
        chance: the chance of each of them to be treated.
        margin: by unit, the effect where the capacity ends, as its rule learned it; 0 where it does not bind.
        bound: by unit, whether the capacity binds.
    """

    rows: NDArray[np.intp]
    chance: Floats
    margin: Floats
    bound: NDArray[np.bool_]


def filled(place: NDArray[np.int64], share: float) -> Filled:
    """Treat units in the order of their places, NEVER left out, until a share of all units is treated; those at one place by lottery."""
    quota, chance = share * len(place), np.zeros(len(place))
    for one in np.unique(place[place != NEVER]):
        inside = place == one
        size = int(inside.sum())
        chance[inside] = min(1.0, quota / size)
        quota -= size
        if quota <= 0:
            return Filled(chance, int(one))
    return Filled(chance, NEVER)


def worth(
    outcome: Floats,
    treated: NDArray[np.bool_],
    without: Floats,
    effect: Floats,
    choice: Choice,
    *,
    cost: float,
    as_now: bool,
    clusters: NDArray[np.int64] | None = None,
) -> Worth:
    """Return what rules are worth on units that they were not learned from.

    Args:
        outcome: what was observed.
        treated: who was treated.
        without: doubly robust score of each unit's outcome without treatment.
        effect: doubly robust score of each unit's effect.
        choice: who would be treated.
        cost: of a treatment, in units of the outcome.
        as_now: whether the capacity is the share treated now, which is an estimate itself.
        clusters: codes of groups within which units are not independent.
    """
    rows, chance = choice.rows, choice.chance
    net, now, base = (effect - cost)[rows], treated[rows].astype(np.float64), without[rows]
    share, moved = float(chance.mean()), now - now.mean() if as_now else np.zeros(len(rows))
    end = np.where(choice.bound, choice.margin * (moved - chance + share), 0.0)  # where the capacity ends moves with the deals
    quota = np.where(choice.bound, moved, chance - share)
    gain, random = net * chance + end - end.mean(), net * share + net.mean() * (quota - quota.mean())
    current, dealt = outcome[rows] - cost * now, base + net * now.mean() + net.mean() * (now - now.mean())
    own = None if clusters is None else clusters[rows]
    told = (base + gain, gain - random, base + gain - current, current - dealt)
    return Worth(*(Told(float(one.mean()), variance_of(one - one.mean(), own), freedom_of(own)) for one in told))
