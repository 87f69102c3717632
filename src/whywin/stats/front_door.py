"""The mean outcome under each treatment by what carries the whole effect, where the treatment's own causes are unobserved."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def front_door(treatment: Floats, mediator: Floats, outcome: Floats) -> Floats:
    """Return the mean outcome if everyone had each treatment: Pearl's front-door formula, for labels.

    Args:
        treatment: share of each treatment; sums to 1.
        mediator: share of each level of the mediator (columns) given each treatment (rows); rows sum to 1.
        outcome: mean outcome given treatment (rows) and mediator (columns).

    Source: Pearl (1995), Causal diagrams for empirical research, Biometrika 82, 669-688; Causality (2009), section 3.3.2.
    """
    return np.asarray(mediator @ (treatment @ outcome))
