"""Deals that stay in their file, more of them than are brought: which are drawn, that it is said, and what their estimates are worth."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from whywin.config import document_of, plan_of
from whywin.deals.contract import Contract
from whywin.deals.engine_sample import Draw, digest, drawn
from whywin.deals.need import Cells, Columns
from whywin.effects.methods.matching import Matching
from whywin.effects.methods.weighting import Weighting
from whywin.effects.question import Effect
from whywin.errors import ConfigError
from whywin.plan import AT_MOST, File, Plan
from whywin.report import page
from whywin.runner import kept
from whywin.sources import keep_there
from whywin.studies import study
from whywin.trials.at_scale import effects_at_scale
from whywin.trials.metric import Metric
from whywin.trials.question import Trial

CONTRACT = Contract(won=("Won",), lost=("Lost",), open=("Open",))
NEED = Columns(("deal_id", "called", "region", "score", "won"))
CONFOUNDERS = ("score", "region")
EFFECT = 8.0  # points, in every deal


def deals(count: int, seed: int = 1) -> pd.DataFrame:
    """Deals that are called the more the more promising they look, and of which a call wins eight in a hundred more."""
    rng = np.random.default_rng(seed)
    score, region = rng.random(count), rng.integers(0, 3, count)
    called = rng.random(count) < 1 / (1 + np.exp(1.0 - 1.5 * score - 0.3 * region))
    won = rng.random(count) < 0.2 + 0.3 * score + 0.05 * region + EFFECT / 100 * called
    created = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, count), unit="D")
    rep = rng.integers(0, 20, count)
    return pd.DataFrame(
        {
            "deal_id": [f"D{number}" for number in range(count)], "called": called.astype(int), "score": score,
            "region": np.array(["north", "south", "west"])[region], "outcome": np.where(won, "Won", "Lost"), "created": created,
            "closed": created + pd.Timedelta(days=20), "rep": [f"rep {number}" for number in rep],
            "arm": np.where(rep % 2, "alerts", "control"), "amount": np.exp(rng.normal(size=count)), "team": rep // 4,
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three thousand deals in a Parquet file."""
    place = tmp_path_factory.mktemp("sampled") / "deals.parquet"
    deals(3000).to_parquet(place)
    return place


def plan(path: Path, **source: Any) -> Plan:
    """A plan of an effect on deals in place."""
    return plan_of(
        {
            "name": "sampled",
            "question": {"kind": "effect", "treatment": "called", "confounders": list(CONFOUNDERS)},
            "source": {"path": str(path), "in_place": True, **source},
            "methods": ["weighting", "matching"],
            "deals": {"won": ["Won"], "lost": ["Lost"], "open": ["Open"]},
            "checks": [{"bootstrap_stability": {"resamples": 20}}, {"dummy_outcome": {"refits": 20}}],
        }
    )


def test_ids_and_seed_alone_decide_who_is_drawn(path: Path, tmp_path: Path):
    """The deals in another order give the same sample of as many as were asked for, and another seed gives another one."""
    shuffled = tmp_path / "shuffled.parquet"
    pd.read_parquet(path).sample(frac=1, random_state=3).to_parquet(shuffled)

    found = [
        set(keep_there(File(place, in_place=True, at_most=1000), CONTRACT, [NEED], (), seed)[0].table["deal_id"])
        for place, seed in ((path, 5), (shuffled, 5), (path, 6))
    ]

    assert found[0] == found[1] != found[2]
    assert [len(one) for one in found] == [1000, 1000, 1000]


def test_a_sample_is_said_on_the_page_and_changes_no_grade(path: Path):
    """The run's notes say how many deals of how many, and by what setting; the fingerprint stays that of all deals."""
    asked = plan(path, at_most=1000)
    brought, table = kept(asked)

    run = study(asked, brought)

    (note,) = [check for check in run.checks if check.name == "sample"]
    assert note.says.startswith("1,000 of 3,000 deals were drawn at random")
    assert "source.at_most" in note.says
    assert note.value == pytest.approx(1 / 3)
    assert not note.undoes
    assert note.says in table.described
    assert note.says in re.sub(r"<[^>]+>", "", page(run, plan_text="", repeat="", recorded={})).replace("&#39;", "'")
    assert run.headline.estimates[0].n <= 1000
    assert brought.fingerprint == kept(plan(path))[0].fingerprint


def test_without_a_sample_the_estimates_are_those_of_the_whole_table(path: Path):
    """Where no more deals are there than may be brought, a file in place gives what the file in memory gives, to the last digit."""
    asked = plan(path)
    there, here = (kept(one)[0] for one in (asked, replace(asked, source=File(path))))

    assert there.remarks == ()
    for method in asked.methods.values():
        one, other = (
            method.answer(asked.question, deals.sample(method.need(asked.question)), np.random.default_rng(0)).to_frame()
            for deals in (there, here)
        )
        pd.testing.assert_frame_equal(one, other, rtol=1e-12)


def test_all_deals_come_when_that_is_asked_for(path: Path):
    """Null is no limit, and win rates and trials are told from all deals whatever is set."""
    source = File(path, in_place=True, at_most=None)
    assert len(keep_there(source, CONTRACT, [NEED], (), 5)[0].table) == 3000
    limited = File(path, in_place=True, at_most=1000)
    assert len(keep_there(limited, CONTRACT, [NEED, Cells(("region",))])[0].table) == 3000
    trial = plan_of({**document_of(plan(path, at_most=1000)), "question": {"kind": "trial", "arm": "arm", "control": "control", "unit": "rep"},
                     "methods": ["fixed"], "checks": []})  # fmt: skip
    assert not kept(trial)[0].remarks


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"in_place": True, "at_most": 10}, "at_most: must be at least 1000, got 10"),
        ({"at_most": 5000}, "at_most: deals are drawn where they stay"),
    ],
)
def test_a_senseless_limit_is_refused(settings: dict[str, Any], says: str):
    """A sample too small to say anything, and one of deals that are read whole, are mistakes in the plan."""
    with pytest.raises(ConfigError, match=says):
        File(Path("deals.parquet"), **settings)
    assert File(Path("deals.parquet")).at_most == AT_MOST


@pytest.mark.parametrize("engine", ["duckdb", "postgres", "pyspark", "snowflake", "bigquery"])
def test_every_engine_is_asked_for_the_same_digest(engine: str):
    """Each engine has the function by this name; BigQuery's gives bytes, which are written as digits."""
    table = ibis.table({"deal_id": "string"}, name="deals")

    said = ibis.to_sql(table.select(number=digest(table["deal_id"], 3, engine)), dialect=engine).lower()

    assert ("to_hex(md5(" in said) == (engine == "bigquery")
    assert "'3:'" in said
    assert "md5(" in said


@pytest.fixture(scope="module")
def answers() -> tuple[pd.DataFrame, float]:
    """Weighting and matching on forty samples of two thousand from thirty thousand deals, and weighting on all of them."""
    question = Effect("called", CONFOUNDERS)
    frame = deals(30_000, seed=2)
    frame["won"] = (frame["outcome"] == "Won").astype(float)
    there = ibis.duckdb.connect().create_table("deals", frame[[*NEED.names, "team"]])
    rows = []
    for seed in range(40):
        taken, _ = drawn(there, Draw(2000, seed))
        sample = taken.to_pandas()
        for method in (Weighting(), Matching()):
            found = method.answer(question, sample, np.random.default_rng(0)).estimates[0]
            rows.append((type(method).__name__, found.value, found.low, found.high))
    whole = Weighting().answer(question, frame, np.random.default_rng(0)).estimates[0].value
    return pd.DataFrame(rows, columns=["method", "value", "low", "high"]), whole


def test_samples_are_unbiased_and_their_intervals_hold_the_truth(answers: tuple[pd.DataFrame, float]):
    """Over forty samples the mean estimate is that of all deals within its noise, and the 95 % intervals cover the truth as they say."""
    table, whole = answers
    for _, part in table.groupby("method"):
        noise = part["value"].std() / np.sqrt(len(part))
        assert abs(part["value"].mean() - whole) < 3.5 * noise
        assert ((part["low"] <= EFFECT) & (part["high"] >= EFFECT)).mean() >= 0.85  # 34 of 40: less has a chance of 1 in 300


def test_sums_of_a_trial_leave_the_file_and_no_deals(path: Path):
    """The effects of kept deals that stay in a file are those of the table, of columns that were never brought."""
    question = Trial("arm", "control", "rep", metrics=(Metric("won", role="primary"), Metric("amount", winsorise=0.95)))
    brought, _ = keep_there(File(path, in_place=True), CONTRACT, [Cells(("arm",))])
    frame = pd.read_parquet(path).assign(won=lambda table: (table["outcome"] == "Won").astype(float))

    found = effects_at_scale(question, brought)

    assert "amount" not in brought.table
    pd.testing.assert_frame_equal(found, effects_at_scale(question, frame), rtol=1e-9)


def test_kept_deals_in_memory_have_sums_too(path: Path):
    """Deals that were read whole are taken as they are."""
    question = Trial("arm", "control", "rep")
    whole, _ = kept(replace(plan(path), source=File(path)))
    there, _ = keep_there(File(path, in_place=True), CONTRACT, [Cells(("arm",))])

    pd.testing.assert_frame_equal(effects_at_scale(question, whole), effects_at_scale(question, there), rtol=1e-9)
