"""The model's log density and its gradient in one pass over the cells, as one operation of a PyMC graph.

PyMC's own graph of the same density is built of thirty operations, each of which is compiled by itself: 44 s on a machine that
never did so and 9 s on one that did, against 10 s and 6 s for this one, which is also faster to evaluate.
The tests hold it against the textbook model written in PyMC's own distributions.
"""

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

FREE = 3  # intercept, spread, coordinates; everything behind them is data


def scales(spread: Any, width: Any, pooling: Any) -> Any:
    """Return the log standard deviation of each coordinate: half the log of its pooled variance."""
    log_scale = np.zeros(pooling.shape[0])
    for j in range(pooling.shape[0]):
        variance = 0.0
        for k in range(pooling.shape[1]):
            variance += pooling[j, k] * (spread[k] * width[k]) ** 2
        log_scale[j] = 0.5 * np.log(variance)
    return log_scale


def likelihood(intercept: float, effects: Any, position: Any, deals: Any, won: Any) -> Any:
    """Return the binomial log likelihood (without its constant) and its gradient by the intercept and by each effect."""
    terms, cells = position.shape
    odds = np.full(cells, intercept)
    for k in range(terms):
        for c in range(cells):
            odds[c] += effects[position[k, c]]
    total, slope = 0.0, 0.0
    for c in range(cells):
        decay = np.exp(-abs(odds[c]))
        rate = 1.0 / (1.0 + decay) if odds[c] >= 0 else decay / (1.0 + decay)
        total += won[c] * odds[c] - deals[c] * (max(odds[c], 0.0) + np.log1p(decay))
        odds[c] = won[c] - deals[c] * rate
        slope += odds[c]
    slopes = np.zeros(effects.shape[0])
    for k in range(terms):
        for c in range(cells):
            slopes[position[k, c]] += odds[c]
    return total, slope, slopes


def expand(coordinates: Any, value: Any, column: Any, start: Any) -> Any:
    """Return the effects of coordinates: a sparse matrix (compressed rows) times a vector."""
    effects = np.zeros(start.shape[0] - 1)
    for r in range(start.shape[0] - 1):
        for p in range(start[r], start[r + 1]):
            effects[r] += value[p] * coordinates[column[p]]
    return effects


def contract(slopes: Any, value: Any, column: Any, start: Any, count: int) -> Any:
    """Return the gradient by the coordinates from that by the effects: the transposed matrix times a vector."""
    gradient = np.zeros(count)
    for r in range(start.shape[0] - 1):
        for p in range(start[r], start[r + 1]):
            gradient[column[p]] += value[p] * slopes[r]
    return gradient


def parts(compiled: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return the whole density, with its loops passed through `compiled` (Numba's, or the identity)."""
    log_scales, fit, widen, narrow = compiled(scales), compiled(likelihood), compiled(expand), compiled(contract)

    def density(
        intercept: Any, spread: Any, x: Any, location: Any, width: Any, pooling: Any, share: Any, centring: Any,
        value: Any, column: Any, start: Any, position: Any, deals: Any, won: Any,
    ) -> Any:  # fmt: skip
        # x is a coordinate over sd ** (1 - centring): centred at 1, non-centred at 0, in between partly.
        log_scale = log_scales(spread, width, pooling)
        stretch, inner = np.exp((1 - centring) * log_scale), np.exp(-centring * log_scale)
        total, slope, slopes = fit(intercept.item() + location[0], widen(x * stretch, value, column, start), position, deals, won)
        by_coordinate = narrow(slopes, value, column, start, x.shape[0]) * stretch
        z = x * inner
        by_log_scale = by_coordinate * (1 - centring) * x + centring * (z * z - 1)
        by_spread = np.zeros(spread.shape[0])
        variance = location[1] ** 2 + np.sum(share * (spread * width) ** 2)
        by_variance = 0.5 * (intercept.item() ** 2 / variance - 1) / variance
        for k in range(spread.shape[0]):
            pull = np.sum(by_log_scale * pooling[:, k] * np.exp(-2 * log_scale)) + 2 * by_variance * share[k]
            by_spread[k] = pull * spread[k] * width[k] ** 2
        total -= np.sum(0.5 * z * z + centring * log_scale) + 0.5 * np.log(variance) + 0.5 * intercept.item() ** 2 / variance
        return np.array(total), np.array(slope - intercept.item() / variance), by_spread, by_coordinate - z * inner

    return density


@cache
def operation() -> Any:
    """Return the density as an operation that PyMC can put into a graph, differentiate and compile through Numba.

    Numba's approximate arithmetic stays off: with it, the last bits depend on whether the code comes from Numba's cache.
    """
    import pytensor.tensor as pt
    from numba import njit
    from pytensor.gradient import DisconnectedType
    from pytensor.graph.basic import Apply
    from pytensor.graph.op import Op
    from pytensor.link.numba.dispatch.basic import register_funcify_and_cache_key

    class Density(Op):  # type: ignore[misc]
        __props__ = ()

        def make_node(self, *inputs: Any) -> Any:
            outputs = [pt.dscalar(), pt.dscalar(), pt.dvector(), pt.dvector()]
            return Apply(self, [pt.as_tensor(each) for each in inputs], outputs)

        def perform(self, node: Any, inputs: Any, output_storage: Any) -> None:
            for storage, value in zip(output_storage, parts(lambda function: function)(*inputs), strict=True):
                storage[0] = value

        def connection_pattern(self, node: Any) -> list[list[bool]]:
            return [[number < FREE, False, False, False] for number in range(len(node.inputs))]

        def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
            return [*(cotangents[0] * slope for slope in outputs[1:]), *(DisconnectedType()() for _ in inputs[FREE:])]

    @register_funcify_and_cache_key(Density)  # type: ignore[untyped-decorator]
    def _(op: Any, node: Any, **_: Any) -> tuple[Any, str]:  # noqa: ARG001 - likewise
        # The key holds this file's content: PyTensor's cache on disk outlives any change of it.
        compiled = njit(fastmath=False)
        return compiled(parts(compiled)), f"whywin-density-{sha256(Path(__file__).read_bytes()).hexdigest()}"

    return Density()
