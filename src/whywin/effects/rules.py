"""Rules that say whom to treat: EconML's policy trees on doubly robust scores, and the words that they are told in."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.effects.scores import stages
from whywin.stats.capacity import NEVER, Choice, Filled, filled

Floats = NDArray[np.float64]
QUANTILES: Final = (0.2, 0.35, 0.5, 0.65, 0.8)


@dataclass(frozen=True, eq=False)
class Rule:
    """A tree whose leaves are treated in an order.

    Attributes:
        tree: EconML's PolicyTree.
        leaves: the leaves by their number in the tree, the first to be treated first; those not worth treating left out.
        effects: what each of all leaves was learned to gain, net of costs, by its number.
    """

    tree: Any
    leaves: tuple[int, ...]
    effects: dict[int, float]

    def places(self, features: Floats) -> NDArray[np.int64]:
        """Return the place of each deal in the order, NEVER for one that is not to be treated."""
        order = {leaf: place for place, leaf in enumerate(self.leaves)}
        return np.array([order.get(int(leaf), NEVER) for leaf in self.tree.apply(features)], dtype=np.int64)

    def choice(self, features: Floats, share: float) -> Filled:
        """Say which of these deals are treated when a share of them can be."""
        return filled(self.places(features), share)

    def margin(self, found: Filled) -> float:
        """Return the learned effect of the leaf in which the capacity ends; 0 where it does not bind."""
        return 0.0 if found.last == NEVER else self.effects[self.leaves[found.last]]


def learned_rule(features: Floats, net: Floats, guess: Floats, share: float, depth: int, smallest: int) -> Rule:
    """Return the tree whose leaves, treated best first until the capacity is used, do best on the deals learned from.

    A tree that knows no capacity asks only who gains anything. So trees are grown at several prices of a treatment, and the one is
    kept that makes most of the capacity.

    Args:
        features: what the tree may split by, one row a deal.
        net: doubly robust score of each deal's effect, less the cost.
        guess: predicted effects less the cost: their spread says which prices are worth trying.
        share: the capacity.
        depth: questions that are asked of a deal at most.
        smallest: fewest deals of a leaf.
    """
    prices = np.unique([0.0, float(net.mean()), *np.quantile(guess, (*QUANTILES, 1 - share))])
    rules = [_grown(features, net, float(price), depth, smallest) for price in prices]
    made = [float(filled(rule.places(features), share).chance @ net) for rule in rules]
    return rules[int(np.argmax(made))]


def _grown(features: Floats, net: Floats, price: float, depth: int, smallest: int) -> Rule:
    from econml.policy import PolicyTree

    tree = PolicyTree(max_depth=depth, min_samples_leaf=smallest, min_samples_split=2 * smallest, honest=False, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree.fit(features, np.column_stack([np.zeros(len(net)), net - price]))
    leaves = tree.apply(features)
    effects = {int(leaf): float(net[leaves == leaf].mean()) for leaf in np.unique(leaves)}
    worthwhile = sorted((leaf for leaf in effects if effects[leaf] > 0), key=lambda leaf: (-effects[leaf], leaf))
    return Rule(tree, tuple(worthwhile), effects)


def honest_choice(
    features: Floats,
    net: Floats,
    guess: Floats,
    fold: NDArray[np.int64],
    shares: Floats,
    depth: int,
    smallest: float,
) -> Choice:
    """Return the choice among the deals of each later fold by a rule learned from the folds before it, each fold at its capacity.

    Args:
        features: what rules may split by, one row a deal.
        net: doubly robust score of each deal's effect, less the cost.
        guess: predicted effects less the cost.
        fold: the part of each deal.
        shares: the capacity of each fold, by its number.
        depth: questions that are asked of a deal at most.
        smallest: the smallest share of the deals learned from that a leaf may hold.
    """
    rows, chance, margin, bound = [], [], [], []
    for before, inside in stages(fold):
        share = float(shares[fold[inside][0]])
        least = max(1, round(smallest * int(before.sum())))
        rule = learned_rule(features[before], net[before], guess[before], share, depth, least)
        found = rule.choice(features[inside], share)
        count = len(found.chance)
        rows.append(np.flatnonzero(inside))
        chance.append(found.chance)
        margin.append(np.full(count, rule.margin(found)))
        bound.append(np.full(count, found.last != NEVER))
    return Choice(np.concatenate(rows), np.concatenate(chance), np.concatenate(margin), np.concatenate(bound))


def rule_table(rule: Rule, features: Floats, names: Sequence[str], share: float, scale: float) -> pd.DataFrame:
    """Return the rule in words, one row a leaf, in the order of treatment; those not worth treating last."""
    chosen, leaves = rule.choice(features, share).chance, rule.tree.apply(features)
    binary = np.isin(features, [0.0, 1.0]).all(axis=0)
    said = {leaf: " and ".join(words) or "every deal" for leaf, words in _paths(rule.tree.tree_, names, binary)}
    others = sorted((leaf for leaf in rule.effects if leaf not in rule.leaves), key=lambda leaf: -rule.effects[leaf])
    rows = []
    for place, leaf in enumerate((*rule.leaves, *others)):
        inside = leaves == leaf
        rows.append(
            {
                "order": place + 1,
                "deals_that": said[leaf],
                "deals": int(inside.sum()),
                "share": 100 * float(inside.mean()),
                "treat": 100 * float(chosen[inside].mean()),
                "learned_effect": scale * rule.effects[leaf],
            }
        )
    return pd.DataFrame(rows)


def _paths(tree: Any, names: Sequence[str], binary: NDArray[np.bool_]) -> Iterator[tuple[int, list[str]]]:
    """Give each leaf with the conditions that lead to it; of several on one number only the narrowest are said."""
    waiting: list[tuple[int, dict[int, tuple[float, float]]]] = [(0, {})]
    while waiting:
        node, ends = waiting.pop()
        left, right = int(tree.children_left[node]), int(tree.children_right[node])
        if left < 0:
            yield (
                node,
                [word for column, (low, high) in ends.items() for word in _words(names[column], low, high, binary[column])],
            )
            continue
        column, at = int(tree.feature[node]), float(tree.threshold[node])
        low, high = ends.get(column, (-np.inf, np.inf))
        waiting += [(left, {**ends, column: (low, min(high, at))}), (right, {**ends, column: (max(low, at), high)})]


def _words(name: str, low: float, high: float, binary: bool) -> Iterator[str]:
    column, _, level = name.partition("=")
    if binary:
        there = np.isfinite(low)
        if name.endswith(" missing"):
            yield f"{name.removesuffix(' missing')} is {'missing' if there else 'known'}"
        elif level:
            yield f"{column} is {'' if there else 'not '}{level}"
        else:
            yield f"{name} is {int(there)}"
        return
    if name.startswith("log "):
        name, low, high = name.removeprefix("log "), float(np.exp(low)) if np.isfinite(low) else low, float(np.exp(high))
    if np.isfinite(low):
        yield f"{name} is over {_number(low)}"
    if np.isfinite(high):
        yield f"{name} is at most {_number(high)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - decimals say nothing beyond
