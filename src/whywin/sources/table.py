"""A table as it came."""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, eq=False)
class Table:
    """A table as it came.

    Attributes:
        frame: its rows, in the order of the source; of deals that stay in their engine, only what left it.
        truth: the true numbers (quantity, segment, value, unit) when it comes from a made-up world.
        described: where it comes from and how much of it there is, in one sentence.
    """

    frame: pd.DataFrame
    truth: pd.DataFrame | None
    described: str
