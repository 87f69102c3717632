"""What MLflow calls to load a kept model and to predict with it; nothing of whywin is pickled, `_load_pyfunc` reads the files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from whywin.winrates.model import FittedModel


@dataclass(frozen=True, eq=False)
class Served:
    """A fitted model as MLflow's pyfunc flavour wants it."""

    model: FittedModel

    def predict(self, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Return `FittedModel.predict` of a table of deals; ``params={"level": 0.8}`` gives narrower intervals."""
        return self.model.predict(model_input, (params or {}).get("level"))


def _load_pyfunc(path: str) -> Served:
    """Read the model from its folder; MLflow finds this function by its name."""
    return Served(FittedModel.load(Path(path)))
