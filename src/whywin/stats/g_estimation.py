"""G-estimation of a structural nested mean model: the effect that, taken away, leaves outcomes unrelated to treatment.

Sources: Robins (1989), The analysis of randomized and non-randomized AIDS treatment trials using a new approach to causal inference in
longitudinal studies, in Health service research methodology: a focus on AIDS, 113-159; Hernán and Robins (2020), Causal inference:
What if, chapter 14.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def structural_means(
    outcome: Floats, treated: Floats, chance: Floats, modifiers: Floats | None = None, weight: Floats | None = None
) -> Floats:
    """Return how much treatment adds to the mean outcome: a constant, then what each modifier adds to it for a unit of it.

    Only who is treated is modelled, not the outcome.

    Args:
        outcome: what is compared, n.
        treated: 1 where a unit was treated, else 0, n.
        chance: the propensity of each unit, n; fitted with the same weights where there are any.
        modifiers: what the effect is linear in besides a constant, n × k.
        weight: what each unit counts, such as one over its chance of having been followed to the end; all alike when not given.
    """
    moves = np.ones((len(outcome), 1)) if modifiers is None else np.column_stack([np.ones(len(outcome)), modifiers])
    counted = (treated - chance) * (1.0 if weight is None else weight)
    instruments = moves * counted[:, None]
    return np.asarray(np.linalg.solve(instruments.T @ (moves * treated[:, None]), instruments.T @ outcome))
