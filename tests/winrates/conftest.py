"""Small tables and one fitted answer that the tests of win rates share; a model is compiled once a session for each size."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from whywin.stats.streams import stream
from whywin.winrates.methods.hierarchical import Hierarchical
from whywin.winrates.question import WinRates


@pytest.fixture(scope="session")
def deals() -> pd.DataFrame:
    """1,200 deals in three regions (rates about 35, 45, 65 %), two products, and two quarters; forty are still open."""
    rng = np.random.default_rng(11)
    region, product = rng.integers(3, size=1200), rng.integers(2, size=1200)
    created = pd.Timestamp("2024-01-05") + pd.to_timedelta(rng.integers(170, size=1200), unit="D")
    won = (rng.random(1200) < np.array([0.35, 0.45, 0.65])[region]).astype(float)
    won[-40:] = np.nan
    return pd.DataFrame(
        {
            "deal_id": [f"D{number}" for number in range(1200)],
            "region": np.array(["East", "North", "West"])[region],
            "product": np.array(["Core", "Pro"])[product],
            "created": created,
            "closed": (created + pd.Timedelta(days=20)).where(~np.isnan(won)),
            "amount": rng.uniform(1, 9, 1200),
            "outcome": np.where(np.isnan(won), "open", np.where(won == 1, "won", "lost")),
            "won": won,
        }
    )


@pytest.fixture(scope="session")
def question() -> WinRates:
    """Region and product crossed, by quarter of creation, the second quarter against the first."""
    return WinRates(
        ("region", "product"), cross=(("region", "product"),), time="created", baseline=("2024Q1",), current=("2024Q2",)
    )


@pytest.fixture(scope="session")
def method() -> Hierarchical:
    """The fast engine, with fewer draws than usual."""
    return Hierarchical(draws=700, engine="laplace")


@pytest.fixture(scope="session")
def answered(deals: pd.DataFrame, question: WinRates, method: Hierarchical) -> SimpleNamespace:
    """The hierarchical answer to the question, as a check is given it."""
    cells = method.need(question).sample(deals)
    evidence = method.answer(question, cells, stream(1, "hierarchical"))
    return SimpleNamespace(label="hierarchical", method=method, sample=cells, evidence=evidence)


@pytest.fixture(scope="session")
def sampled(answered: SimpleNamespace, question: WinRates) -> SimpleNamespace:
    """The same answer by four short chains of NUTS."""
    method = Hierarchical(engine="nuts", draws=700, tune=500)
    evidence = method.answer(question, answered.sample, stream(1, "hierarchical"))
    return SimpleNamespace(label="hierarchical", method=method, sample=answered.sample, evidence=evidence)


@pytest.fixture(scope="session")
def fitted() -> Callable:
    """From counts by one or more columns to draws of the model, under given priors."""
    from whywin.winrates.fitting import fit
    from whywin.winrates.pieces import pieces_of
    from whywin.winrates.sampling import Effort

    def made(
        counts: pd.DataFrame, dimensions: list[str], priors: object = None, draws: int = 2000, engine: str = "auto"
    ) -> object:
        pieces = pieces_of(counts, dimensions)
        given = priors or Hierarchical().priors(pieces.rate)
        return fit(pieces, given, Effort(draws, 1000, 4, 0.95), np.random.default_rng(1), engine)

    return made
