"""A confounded table of deals with a known effect, and a way to ask about it."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from whywin.effects.question import Effect
from whywin.evidence import Evidence
from whywin.stats.streams import stream


def confounded(count: int = 800, seed: int = 0, effect: float = 0.2) -> pd.DataFrame:
    """Closed deals in which the promising ones are called; the call adds `effect` to the chance of each."""
    rng = np.random.default_rng(seed)
    engagement, region = rng.normal(size=count), rng.choice(["North", "South", "West"], size=count, p=[0.5, 0.3, 0.2])
    called = (rng.uniform(size=count) < 1 / (1 + np.exp(0.5 - engagement - 0.5 * (region == "South")))).astype(int)
    chance = np.clip(0.35 + 0.1 * np.clip(engagement, -2, 2) + 0.1 * (region == "South") + effect * called, 0, 1)
    created = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, size=count), unit="D")
    return pd.DataFrame(
        {
            "called": called,
            "won": (rng.uniform(size=count) < chance).astype(float),
            "engagement": engagement,
            "region": region,
            "rep": np.array([f"R{number}" for number in np.arange(count) % 20]),
            "amount": np.exp(rng.normal(9, 1, size=count)),
            "created": created,
            "closed": created + pd.to_timedelta(rng.integers(1, 90, size=count), unit="D"),
        }
    )


@pytest.fixture
def deals() -> pd.DataFrame:
    """Eight hundred confounded deals."""
    return confounded()


@pytest.fixture(scope="session")
def made() -> Callable[..., pd.DataFrame]:
    """Confounded deals of any number, seed and effect."""
    return confounded


@pytest.fixture(scope="session")
def answered() -> Callable[..., Evidence]:
    """Ask a method about a table as `study` does, by a stream of its own."""

    def ask(method: object, question: Effect, table: pd.DataFrame, seed: int = 0) -> Evidence:
        return method.answer(question, method.need(question).sample(table), stream(seed, "test"))

    return ask


@pytest.fixture(scope="session")
def about() -> Callable[..., Effect]:
    """The question about the confounded deals, with changes."""

    def asked(**changes: object) -> Effect:
        return Effect(**{"treatment": "called", "confounders": ("engagement", "region"), **changes})

    return asked
