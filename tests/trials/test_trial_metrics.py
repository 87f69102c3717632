"""Several metrics of a trial: what each is, over which deals, in which family, as of which day."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

import whywin as ww
from whywin.deals.read import keep_contract
from whywin.errors import ConfigError
from whywin.evidence import Estimate, Evidence
from whywin.stats.cluster import arm_contrast
from whywin.stats.streams import stream
from whywin.trials.methods.fixed import Fixed
from whywin.trials.methods.group_sequential import GroupSequential
from whywin.trials.metric import Metric
from whywin.trials.question import Trial
from whywin.trials.wording import sentence

LABELS = ww.Contract(won=("won",), lost=("lost",))
START = pd.Timestamp("2024-01-01")


def deals(reps: int = 24, effect: float = 0.1, seed: int = 1, per_rep: int = 40) -> pd.DataFrame:
    """Return closed deals of a trial that began on 2024-01-01, of reps of unequal size, with amounts and hours."""
    rng = np.random.default_rng(seed)
    size = rng.integers(per_rep // 2, 2 * per_rep, size=reps)
    rep = np.repeat(np.arange(reps), size)
    arm = np.arange(reps) % 2
    chance = np.clip(rng.normal(0.4, 0.08, reps) + effect * arm, 0.02, 0.98)
    created = START + pd.to_timedelta(rng.integers(0, 84, size=len(rep)), unit="D")
    cycle = rng.integers(1, 60, size=len(rep))
    return pd.DataFrame(
        {
            "rep": [f"r{i:02d}" for i in rep],
            "arm": np.where(arm[rep] == 1, "alert", "control"),
            "outcome": np.where(rng.random(len(rep)) < chance[rep], "won", "lost"),
            "created": created,
            "closed": created + pd.to_timedelta(cycle, unit="D"),
            "amount": rng.lognormal(9, 1, size=len(rep)),
            "hours": rng.integers(1, 20, size=len(rep)).astype(float),
            "region": rng.choice(["North", "South", "West"], size=len(rep)),
            "skill": chance[rep] + rng.normal(0, 0.3, size=len(rep)),
        }
    )


def answered(question: Trial, table: pd.DataFrame) -> Evidence:
    """Return the default's evidence, without the checks of a run."""
    kept, method = keep_contract(table, LABELS).table, Fixed()
    assert question.faults(kept) == []
    return method.answer(question, method.need(question).sample(kept), stream(0, "fixed"))


def asked(*metrics: Metric, **further: object) -> Trial:
    """Return a trial with these metrics beside the win rate."""
    return Trial("arm", "control", "rep", metrics=metrics, **further)


def test_the_short_form_is_one_primary_metric() -> None:
    """`metric: won` is a proportion that decides; a primary metric in the list takes its place."""
    assert Trial("arm", "control", "rep").measured == (Metric("won", kind="proportion", role="primary"),)
    assert Trial("arm", "control", "rep", metrics=(Metric("amount", role="primary"),)).metric == "amount"
    assert [one.name for one in asked(Metric("amount")).measured] == ["won", "amount"]


def test_one_metric_decides() -> None:
    """Two primary metrics, or a primary one that is not the short form's, are refused."""
    with pytest.raises(ConfigError, match="one metric is the primary one"):
        asked(Metric("won", role="primary"), Metric("amount", role="primary"))
    with pytest.raises(ConfigError, match="leave one of them out"):
        Trial("arm", "control", "rep", metric="hours", metrics=(Metric("amount", role="primary"),))


def test_each_metric_has_an_effect_of_its_own() -> None:
    """The primary keeps its name; the others' effects carry theirs, in their own unit, each over the deals that have a value."""
    table = deals()
    table.loc[::5, "amount"] = np.nan
    question = asked(
        Metric("amount"), Metric("cycle_days"), Metric("amount", kind="ratio", per="hours"), Metric("amount", kind="quantile")
    )

    evidence = answered(question, table)

    found = {row.quantity: row for row in evidence.estimates if row.quantity.startswith("effect of assignment on")}
    assert set(found) == {
        "effect of assignment on amount",
        "effect of assignment on cycle_days",
        "effect of assignment on amount per hours",
        "effect of assignment on median of amount",
        "effect of assignment on the average rep",
    }
    assert found["effect of assignment on amount"].n == table["amount"].notna().sum()
    assert found["effect of assignment on cycle_days"].unit == "days"
    assert evidence.of("effect of assignment", "arm=alert").n == len(table)
    by_arm = table.dropna(subset=["amount"]).groupby("arm")[["amount", "hours"]].sum()
    ratio = by_arm["amount"] / by_arm["hours"]
    assert found["effect of assignment on amount per hours"].value == pytest.approx(ratio["alert"] - ratio["control"])
    median = table.groupby("arm")["amount"].median()
    assert found["effect of assignment on median of amount"].value == pytest.approx(median["alert"] - median["control"])


def test_a_winsorised_mean_is_capped_over_all_arms() -> None:
    """The cap is the quantile of all arms' values together, so that no arm has one of its own."""
    table = deals()
    metric = Metric("amount", winsorise=0.9)

    effect = answered(asked(metric), table).of("effect of assignment on amount", "arm=alert")
    capped = table["amount"].clip(upper=np.quantile(table["amount"], 0.9)).groupby(table["arm"]).mean()

    assert effect.value == pytest.approx(capped["alert"] - capped["control"])


def test_both_estimands_stand_side_by_side() -> None:
    """The average rep's effect is the difference of the mean rates of reps; a check says whether it is another than the average deal's."""
    table = deals()
    evidence = answered(Trial("arm", "control", "rep"), table)
    rates = table["outcome"].eq("won").groupby([table["arm"], table["rep"]]).mean()

    effect = evidence.of("effect of assignment on the average rep", "arm=alert")

    assert effect.value == pytest.approx(100 * (rates["alert"].mean() - rates["control"].mean()))
    assert [check.severity for check in evidence.checks if check.name == "informative_size"] == ["note"]


def test_reps_with_many_deals_and_another_effect_are_noticed() -> None:
    """Where only the reps with many deals gain, the two estimands differ, and the check says so."""
    table = pd.concat(
        [deals(40, 0.0, seed=3, per_rep=10), deals(40, 0.45, seed=4, per_rep=120).assign(rep=lambda t: "big " + t["rep"])]
    )

    (check,) = [one for one in answered(Trial("arm", "control", "rep"), table).checks if one.name == "informative_size"]

    assert not check.passed
    assert "different questions" in check.says


def test_a_relative_effect_is_told_in_percent() -> None:
    """It is the arm's rate over control's less one, with an interval that is symmetric on the log scale."""
    table = deals()
    rates = table["outcome"].eq("won").groupby(table["arm"]).mean()

    effect = answered(Trial("arm", "control", "rep"), table).of("relative effect of assignment", "arm=alert")

    assert effect.value == pytest.approx(100 * (rates["alert"] / rates["control"] - 1))
    logs = np.log1p(np.array([effect.low, effect.value, effect.high]) / 100)
    assert logs[1] - logs[0] == pytest.approx(logs[2] - logs[1])


def test_few_or_unequal_reps_have_a_randomisation_test_beside_the_interval() -> None:
    """With fewer than 30 reps its p-value stands in the table and the sentence; with many of like size it does not."""
    question = Trial("arm", "control", "rep")
    few, many = answered(question, deals(16)), answered(question, deals(60))

    assert few.tables["arms"]["randomization_p"].notna().sum() == 1
    assert "randomisation test p =" in sentence(question, few, "A")
    assert "randomization_p" not in many.tables["arms"]
    assert "randomisation test" not in sentence(question, many, "A")


def test_an_effect_is_not_shown_where_the_test_contradicts_it() -> None:
    """An interval that leaves zero out is not enough where the co-primary p-value is over twice the error rate."""
    row = Estimate("effect of assignment", "arm=alert", 5.0, 1.0, 9.0, 0.95, 100, "points")
    question = Trial("arm", "control", "rep")

    def told(p_value: float) -> str:
        arms = pd.DataFrame({"arm": ["control", "alert"], "randomization_p": [np.nan, p_value]})
        return sentence(question, Evidence((row,), tables={"arms": arms}), "A")

    assert "causes a change" in told(0.02)
    assert "causes a change" in told(0.09)
    assert "does not show" in told(0.2)
    assert "contradicts" in told(0.2)


def test_the_family_shares_its_error_and_guardrails_do_not() -> None:
    """Simultaneous intervals leave zero out exactly where the adjusted p-value is below .05; a guardrail has neither."""
    question = asked(Metric("amount"), Metric("hours"), Metric("cycle_days", role="guardrail", better="lower", margin=10))

    table = answered(question, deals(effect=0.2)).tables["metrics"].set_index("metric")

    family = table[table["role"] != "guardrail"]
    outside = (family["simultaneous_low"] > 0) | (family["simultaneous_high"] < 0)
    assert (outside == (family["p_simultaneous"] < 0.05)).all()
    assert (family["p_holm"] >= family["p_value"]).all()
    assert (family["simultaneous_high"] - family["simultaneous_low"] > family["high"] - family["low"]).all()
    assert table.loc["cycle_days", ["p_holm", "p_simultaneous"]].isna().all()
    assert table.loc["won", "verdict"] == "better"
    assert table.loc["cycle_days", "verdict"] == "no worse"


@pytest.mark.parametrize(("margin", "held"), [(0.0, False), (30.0, True)])
def test_a_guardrail_holds_when_its_margin_is_ruled_out(margin: float, held: bool) -> None:
    """Not to be shown worse is not enough: the interval must rule out that it got worse by the margin."""
    question = asked(Metric("cycle_days", role="guardrail", better="lower", margin=margin))

    (check,) = [one for one in answered(question, deals()).checks if one.name.startswith("guardrail")]

    assert check.passed == held


def test_a_past_look_is_seen_again_as_it_was() -> None:
    """Week 6 recomputed at the end, as of its day, is what it was when the table ended there; later deals and closings are unknown."""
    table = deals()
    table["closed"] = table["closed"].where(table["outcome"] != "open")
    day = pd.Timestamp("2024-02-11")
    then = table[table["created"] <= day].copy()
    late = then["closed"] > day
    then.loc[late, "outcome"] = "open"
    then.loc[late, "closed"] = pd.NaT
    question = asked(Metric("won", kind="won_by", days=30), Metric("amount"), start=date(2024, 1, 1))

    again = answered(Trial(**{**vars(question), "as_of": day.date()}), table)
    first = answered(Trial(**{**vars(question), "as_of": day.date()}), then)

    for row, other in zip(again.estimates, first.estimates, strict=True):
        assert (row.quantity, row.value, row.low, row.n) == (
            other.quantity,
            pytest.approx(other.value),
            pytest.approx(other.low),
            other.n,
        )
    assert again.of("effect of assignment", "arm=alert").n == (~late).sum()


def test_shares_by_an_age_count_open_deals() -> None:
    """Without open deals the share won by an age is the plain one; with them its deals are all that were created."""
    table = deals()
    age = (table["closed"] - table["created"]).dt.days
    plain = 100 * (table["outcome"].eq("won") & (age <= 30)).groupby(table["arm"]).mean()
    question = asked(
        Metric("won", kind="won_by", days=30),
        Metric("won", kind="lost_by", days=30),
        Metric("cycle_days", kind="restricted_mean", days=30),
    )

    evidence = answered(question, table)

    assert evidence.of("share won by 30 days", "arm=alert").value == pytest.approx(plain["alert"])
    assert evidence.of("effect of assignment on days open up to 30", "arm=alert").unit == "days"
    assert evidence.of("days open up to 30", "arm=control").value == pytest.approx(
        np.minimum(age[table["arm"] == "control"], 30).mean()
    )


def test_a_cluster_beyond_the_unit_widens_the_interval() -> None:
    """Deals that were randomised one by one, but are alike within a village, are analysed by village: CR2 with mixed arms."""
    rng = np.random.default_rng(5)
    village = rng.integers(20, size=600)
    arm = rng.integers(2, size=600)
    won = rng.random(600) < 0.3 + 0.4 * (village % 2)
    table = pd.DataFrame({"deal_id": [f"d{i}" for i in range(600)], "village": village, "arm": arm.astype(str)})
    table["outcome"] = np.where(won, "won", "lost")
    question = Trial("arm", "0", "deal_id", cluster="village")

    effect = answered(question, table).of("effect of assignment", "arm=1")
    right = arm_contrast(won.astype(float), np.ones(600), arm, [-1.0, 1.0], village)

    assert (effect.low, effect.high) == pytest.approx([100 * end for end in right.interval(0.95)])
    assert any(
        "takes reps as independent" in fault for fault in GroupSequential().faults(Trial("arm", "0", "rep", cluster="team"))
    )


def test_segments_are_explored_with_pooling_and_an_interaction_test() -> None:
    """Each level has its effect, drawn together, with adjusted p-values that agree with the adjusted intervals."""
    tables = answered(Trial("arm", "control", "rep", segments=("region",)), deals(40, 0.2)).tables
    found = tables["segment_effects"]

    assert list(found["level"]) == ["North", "South", "West"]
    assert found["pooled"].std() < found["effect"].std()
    assert (found["p_adjusted"] >= found["p_value"] - 1e-12).all()
    assert (((found["adjusted_low"] > 0) | (found["adjusted_high"] < 0)) == (found["p_adjusted"] < 0.05)).all()
    assert list(tables["interactions"]["segment"]) == ["region"]


def test_an_interaction_is_found_where_there_is_one() -> None:
    """Where one region gains much and the others nothing the test says so; where all gain alike it does not."""
    table = deals(60, 0.0, seed=9)
    gain = (table["arm"] == "alert") & (table["region"] == "North")
    table.loc[gain, "outcome"] = np.where(np.random.default_rng(1).random(gain.sum()) < 0.75, "won", "lost")
    question = Trial("arm", "control", "rep", segments=("region",))

    assert answered(question, table).tables["interactions"]["p_value"].iloc[0] < 0.001
    assert answered(question, deals(60, 0.1, seed=9)).tables["interactions"]["p_value"].iloc[0] > 0.05


def test_the_default_is_pure() -> None:
    """The same stream gives the same simultaneous intervals and the same randomisation p-value."""
    question, table = asked(Metric("amount"), Metric("hours")), deals(12)
    answers = [answered(question, table).tables for _ in range(2)]

    for name in ("metrics", "arms"):
        pd.testing.assert_frame_equal(answers[0][name], answers[1][name])
    assert stream(0, "x").integers(9) == stream(0, "x").integers(9)
