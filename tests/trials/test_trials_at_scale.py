"""Every metric at once from sums that DuckDB takes: the same numbers as the methods, whatever the table."""

from dataclasses import replace
from datetime import date
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from whywin.errors import QuestionError
from whywin.trials.at_scale import effects_at_scale
from whywin.trials.methods.adjusted import Adjusted
from whywin.trials.methods.fixed import Fixed
from whywin.trials.metric import Metric
from whywin.trials.question import Trial
from whywin.trials.sums import sums_by_unit

START = date(2024, 7, 1)
AMOUNT = Metric("amount", role="primary", winsorise=0.95)
RATIO = Metric("amount", kind="ratio", per="hours")


class Stream:
    """A table that gives an Arrow stream and nothing else, as a Polars frame does."""

    def __init__(self, table: pa.Table) -> None:
        """Keep the table."""
        self.table = table

    def __arrow_c_stream__(self, schema: Any = None) -> Any:
        """Give the stream."""
        return self.table.__arrow_c_stream__(schema)


def deals(reps: int = 24, seed: int = 3) -> pd.DataFrame:
    """Deals of reps before and in a trial; some are open, some have no amount."""
    rng = np.random.default_rng(seed)
    rep = np.repeat(np.arange(reps), rng.integers(20, 120, reps))
    own = rng.normal(0, 0.5, reps)[rep]
    created = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 360, len(rep)), unit="D")
    won = (rng.random(len(rep)) < 1 / (1 + np.exp(-own))).astype(float)
    won[rng.random(len(rep)) < 0.1] = np.nan
    amount = np.exp(own + rng.normal(size=len(rep)))
    amount[rng.random(len(rep)) < 0.1] = np.nan
    return pd.DataFrame(
        {
            "rep": [f"rep {number}" for number in rep], "arm": np.where(rep % 2, "alert", "control"), "won": won, "amount": amount,
            "hours": rng.integers(1, 9, len(rep)), "quality": own + rng.normal(size=len(rep)), "team": rep // 4,
            "created": created, "closed": created + pd.to_timedelta(rng.integers(1, 40, len(rep)), unit="D"),
        }
    )  # fmt: skip


def asked(**changes: Any) -> Trial:
    """A trial of reps with three metrics, of which one is a ratio."""
    settings: dict[str, Any] = {"metrics": (Metric("won", role="primary"), Metric("amount"), RATIO), "start": START}
    return Trial("arm", "control", "rep", **{**settings, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"before": ("quality",)}, {"cluster": "team"}, {"metrics": (AMOUNT,)},
        {"metrics": (replace(RATIO, role="primary"),)}, {"start": None, "before": ("quality",)},
    ],
)  # fmt: skip
def test_the_numbers_are_those_of_the_adjusted_method(changes: dict[str, Any]) -> None:
    """Effect, interval and p-value of the primary metric are the method's, with a past, with covariates, with clusters, as a ratio."""
    question, table = asked(**changes), deals()
    closed = table[table["won"].notna()]

    evidence = Adjusted().answer(question, closed, np.random.default_rng(1))
    found = effects_at_scale(question, table).iloc[0]

    expected = evidence.of("effect of assignment", "arm=alert")
    assert found[["effect", "low", "high"]].tolist() == pytest.approx([expected.value, expected.low, expected.high], rel=1e-9)
    assert found["p_value"] == pytest.approx(evidence.tables["adjustment"]["p_value"].iloc[0], rel=1e-9)
    assert found["deals"] == expected.n


def test_without_a_past_it_is_fixed() -> None:
    """Where nothing is known of before, every metric's numbers are those of the default method."""
    question, table = asked(start=None), deals()

    metrics = Fixed(draws=199).answer(question, table[table["won"].notna()], np.random.default_rng(1)).tables["metrics"]
    found = effects_at_scale(question, table)

    assert found["effect"].to_numpy() == pytest.approx(metrics["effect"].to_numpy(dtype=float), rel=1e-9)
    assert found["p_value"].to_numpy() == pytest.approx(metrics["p_value"].to_numpy(dtype=float), rel=1e-9)


def test_every_kind_of_table_gives_the_same_sums() -> None:
    """A pandas frame, an Arrow table, anything with an Arrow stream and a DuckDB relation are the same deals."""
    question, frame = asked(before=("quality",)), deals()
    table = pa.Table.from_pandas(frame)

    first, *others = (effects_at_scale(question, kind) for kind in (frame, table, Stream(table), duckdb.from_df(frame)))

    for other in others:
        pd.testing.assert_frame_equal(first, other, rtol=1e-9)


def test_missing_values_count_nowhere() -> None:
    """The number of deals of a metric is that of its values, not of the rows."""
    table = deals()

    sums = sums_by_unit(asked(start=None), table)

    closed = table[table["won"].notna()]
    assert sums.deals[0].sum() == len(closed)
    assert sums.deals[1].sum() == closed["amount"].notna().sum() < len(closed)


def test_draws_agree_with_the_interval_and_repeat() -> None:
    """Assignments drawn anew and the wild bootstrap tell what the t-test tells, and the same generator the same numbers."""
    first, again = (effects_at_scale(asked(), deals(60), np.random.default_rng(5), draws=999) for _ in range(2))

    pd.testing.assert_frame_equal(first, again)
    assert first["randomization_p"].to_numpy() == pytest.approx(first["p_value"].to_numpy(), abs=0.06)
    assert first["bootstrap_p"].to_numpy() == pytest.approx(first["p_value"].to_numpy(), abs=0.06)
    assert first["bootstrap_low"].to_numpy() == pytest.approx(first["low"].to_numpy(), abs=0.5 * first["error"].max())


def test_every_fault_of_a_table_is_told_at_once() -> None:
    """A missing column, labels as numbers and a metric that sums cannot tell are said in one message."""
    question = asked(metrics=(Metric("won", role="primary"), Metric("amonut"), Metric("hours", kind="quantile"), Metric("team")))

    with pytest.raises(QuestionError) as caught:
        sums_by_unit(question, deals().assign(team="north"))

    assert len(caught.value.faults) == 3
    assert "did you mean 'amount'" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"arm": "control"}, "no arm beside control"), ({"won": np.nan}, "no arm beside control"),
        ({"arm": lambda t: t["arm"].where(t.index > 3)}, "4 deals have no arm"),
        ({"arm": lambda t: np.where(t.index % 2, "alert", "control")}, "two arms"),
    ],
)  # fmt: skip
def test_a_table_that_is_no_trial_is_refused(change: dict[str, Any], says: str) -> None:
    """One arm, no closed deal, deals in no arm and units in two arms each get one clear message."""
    with pytest.raises(QuestionError, match=says):
        effects_at_scale(asked(start=None, metrics=()), deals().assign(**change))
