"""The methods of trials that draw anew or look repeatedly: what they say of a table."""

import importlib.util
from datetime import date
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

import whywin as ww
from whywin.deals.need import Cells, Columns
from whywin.errors import QuestionError
from whywin.evidence import Estimate
from whywin.stats.group_sequential import bounds, futility_bounds, spent
from whywin.stats.streams import stream
from whywin.trials.methods.anytime import Anytime
from whywin.trials.methods.fixed import Fixed
from whywin.trials.methods.group_sequential import GroupSequential
from whywin.trials.methods.randomization import Randomization
from whywin.trials.methods.wild_bootstrap import WildBootstrap
from whywin.trials.metric import Metric
from whywin.trials.question import Trial

ROOT = Path(__file__).parents[2]
SOUND = {"arm": "arm", "control": "control", "unit": "rep"}
LOOKS = ((date(2024, 2, 1), 0.25), (date(2024, 3, 1), 0.5), (date(2024, 5, 1), 1.0))
LABELS = ww.Contract(won=("won",), lost=("lost",))


def table(reps: int = 12, deals: int = 600, *, effect: float = 0.2, seed: int = 1) -> pd.DataFrame:
    """Return deals of a trial from January to April, whose reps are in three teams."""
    rng = np.random.default_rng(seed)
    rep = rng.integers(reps, size=deals)
    treated = rep % 2 == 1
    won = rng.random(deals) < 0.3 + effect * treated + 0.1 * (rep % 3)
    frame = pd.DataFrame({"rep": [f"r{i:02d}" for i in rep], "arm": np.where(treated, "alert", "control")})
    frame["team"] = [f"t{i % 3}" for i in rep]
    frame["won"] = won.astype(float)
    frame["amount"] = rng.gamma(2, 100, size=deals) * (1 + treated)
    frame["closed"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 120, size=deals), unit="D")
    frame["created"] = frame["closed"] - pd.Timedelta(days=20)
    frame["outcome"] = np.where(won, "won", "lost")
    return frame


def effect_of(method: object, question: Trial, deals: pd.DataFrame) -> Estimate:
    """Return the effect that a method finds in deals."""
    evidence = method.answer(question, method.need(question).sample(deals), stream(3, "m"))
    return evidence.of("effect of assignment", "arm=alert")


@pytest.mark.parametrize(
    "method", [WildBootstrap(), Randomization(), GroupSequential(), Anytime()], ids=lambda m: type(m).__name__
)
@pytest.mark.parametrize("metric", ["won", "amount"])
def test_each_estimates_the_average_deal_s_effect_with_an_interval_of_its_own(method: object, metric: str) -> None:
    """The value is that of the default; without planned looks the sequential method is the default, and anytime is wider."""
    question, deals = Trial(**SOUND, metric=metric), table()
    fixed, found = effect_of(Fixed(), question, deals), effect_of(method, question, deals)

    assert found.value == pytest.approx(fixed.value)
    assert (found.unit, found.n) == (fixed.unit, fixed.n)
    ratio = (found.high - found.low) / (fixed.high - fixed.low)
    if isinstance(method, GroupSequential):
        assert ratio == pytest.approx(1)
    elif isinstance(method, Anytime):
        assert ratio > 1.3
    else:
        assert 0.7 < ratio < 1.4


@pytest.mark.parametrize(("better", "effect"), [("higher", 0.0), ("lower", 0.0), ("higher", 0.3)])
def test_a_futility_bound_advises_and_does_not_bind(better: str, effect: float) -> None:
    """Below rpact's bound the check says that the plan gives up; interval and bounds for an effect are those of a plan without it."""
    question = Trial(**SOUND, looks=LOOKS, metrics=(Metric("won", role="primary", better=better),))
    deals = table(24, 1200, effect=effect)
    plain, bounded = (
        method.answer(question, method.need(question).sample(deals), stream(3, "m"))
        for method in (GroupSequential(held=2), GroupSequential(held=2, futility="pocock", power=0.9))
    )

    looks = bounded.tables["looks"]
    sign = 1 if better == "higher" else -1
    assert plain.estimates == bounded.estimates
    pd.testing.assert_frame_equal(plain.tables["looks"], looks.drop(columns="futility"))
    assert (sign * looks["futility"] < looks["bound"]).all()
    given_up = bool(sign * looks["z"].iloc[-1] <= sign * looks["futility"].iloc[-1])
    assert ("gives up" in bounded.checks[0].says) == given_up
    assert given_up == (effect == 0)


def test_the_futility_bound_is_that_of_the_plan() -> None:
    """With the planned information at each look it is the bound that the spending functions give, and the last look has none."""
    question = Trial(**SOUND, looks=LOOKS)
    method = GroupSequential(futility="obrien_fleming", held=3)

    looks = method.answer(question, method.need(question).sample(table(200, 40_000)), stream(3, "m")).tables["looks"]

    shares = np.array([share for _, share in LOOKS])
    upper = bounds(shares, spent("obrien_fleming", 0.025, shares))
    expected = futility_bounds(shares, upper, spent("obrien_fleming", 0.2, shares))[0]
    assert looks["futility"].to_numpy()[:2] == pytest.approx(expected[:2], abs=0.25)
    assert np.isnan(looks["futility"].iloc[-1])


def test_counts_are_all_that_leaves_the_engine() -> None:
    """For the win rate one row a rep is enough; strata come with it, and planned looks need dates."""
    assert Randomization().need(Trial(**SOUND, strata=("team",))) == Cells(("arm", "rep", "team"))
    assert GroupSequential().need(Trial(**SOUND)) == Cells(("arm", "rep"))
    assert GroupSequential().need(Trial(**SOUND, looks=LOOKS)) == Columns(("arm", "rep", "won", "closed"))


def test_strata_change_what_could_have_been_assigned() -> None:
    """Within teams the win rate differs less, so that the interval is narrower than without strata."""
    deals = table()
    deals["won"] = (np.random.default_rng(1).random(len(deals)) < 0.05 + 0.4 * deals["team"].str[1].astype(int)).astype(float)
    plain, within = (effect_of(Randomization(), Trial(**SOUND, strata=strata), deals) for strata in ((), ("team",)))

    assert within.high - within.low < 0.6 * (plain.high - plain.low)


def test_strata_need_not_be_labels_and_may_be_missing() -> None:
    """A number is a label of its own, and so is a missing one, for counts and for another metric alike."""
    deals = table()
    deals["size"] = deals["team"].str[1].astype(float).replace(2.0, np.nan)
    for metric in ("won", "amount"):
        found = effect_of(Randomization(), Trial(**SOUND, metric=metric, strata=("size",)), deals)
        expected = effect_of(Randomization(), Trial(**SOUND, metric=metric, strata=("team",)), deals)

        assert (found.value, found.low) == pytest.approx((expected.value, expected.low))


@pytest.mark.parametrize("method", [WildBootstrap(), Randomization()], ids=lambda m: type(m).__name__)
def test_too_few_units_for_an_interval_are_refused_with_what_to_do(method: object) -> None:
    """Three reps against two cannot bound an effect at 95 %: no finite interval would be true, so none is given."""
    with pytest.raises(QuestionError, match="use fixed, a lower level, or more reps"):
        effect_of(method, Trial(**SOUND), table(reps=5))


def test_a_look_counts_the_deals_of_its_day_and_before() -> None:
    """Each planned look that was reached has a row with its own deals; what comes after the last planned look counts nowhere."""
    deals, question = table(), Trial(**SOUND, looks=LOOKS)
    evidence = GroupSequential(held=3).answer(question, GroupSequential().need(question).sample(deals), stream(1, "g"))
    looks = evidence.tables["looks"]
    by_then = [int((deals["closed"] <= pd.Timestamp(day)).sum()) for day, _ in LOOKS]

    assert looks["deals"].tolist() == by_then
    assert looks["share"].tolist() == [0.25, 0.5, 1.0]
    assert looks["bound"].is_monotonic_decreasing
    assert looks["bound"].iloc[0] > 4
    late = deals.assign(closed=deals["closed"] + pd.Timedelta(days=60))
    row = effect_of(GroupSequential(), question, pd.concat([deals, late]))
    assert row.n == int((pd.concat([deals, late])["closed"] <= pd.Timestamp(LOOKS[-1][0])).sum())


def test_the_estimate_is_of_the_last_look_that_was_reached() -> None:
    """In March only the first two looks have been held; the interval is their repeated one, wider than the usual."""
    deals = table().query("closed < '2024-03-20'")
    question = Trial(**SOUND, looks=LOOKS)
    found = effect_of(GroupSequential(), question, deals)
    usual = effect_of(Fixed(), question, deals[deals["closed"] <= pd.Timestamp("2024-03-01")])

    assert found.value == pytest.approx(usual.value)
    assert found.high - found.low > 1.3 * (usual.high - usual.low)


def test_a_trial_before_its_first_look_has_no_answer() -> None:
    """The sentence names the look, the deals' end, and the way out; more looks than planned cannot have been held."""
    question = Trial(**SOUND, looks=LOOKS)
    with pytest.raises(QuestionError, match="first look is on 2024-02-01"):
        effect_of(GroupSequential(), question, table().query("closed < '2024-01-20'"))
    with pytest.raises(QuestionError, match="4 looks cannot have been held where 3 are planned"):
        effect_of(GroupSequential(held=4), question, table())


def test_an_early_look_with_one_unit_in_an_arm_is_passed_over() -> None:
    """It cannot be told from noise, spends nothing, and the others stand."""
    deals = table()
    early = deals["closed"] <= pd.Timestamp("2024-02-01")
    deals = deals[~early | deals["rep"].isin(["r00", "r01", "r02"])]
    question = Trial(**SOUND, looks=LOOKS)
    looks = (
        GroupSequential(held=3).answer(question, GroupSequential().need(question).sample(deals), stream(1, "g")).tables["looks"]
    )

    assert looks["look"].tolist() == [2, 3]


def test_a_bound_that_was_crossed_earlier_is_told() -> None:
    """A trial that ran on after its bound was crossed has a note that says at which look."""
    question = Trial(**SOUND, looks=LOOKS)
    deals = table(effect=0.55)
    evidence = GroupSequential(held=3).answer(question, GroupSequential().need(question).sample(deals), stream(1, "g"))
    (check,) = evidence.checks

    assert not check.passed
    assert check.severity == "note"
    assert "should have stopped" in check.says


def test_spending_early_buys_lower_bounds_early() -> None:
    """Pocock's first bound is below O'Brien and Fleming's, its last above; a power of one lies between."""
    question, deals = Trial(**SOUND, looks=LOOKS), table()
    methods = [GroupSequential(spending=name, held=3) for name in ("obrien_fleming", "pocock")]
    methods.append(GroupSequential(spending="kim_demets", parameter=1.0, held=3))
    methods.append(GroupSequential(spending="hwang_shih_decani", held=3))
    found = [
        m.answer(question, m.need(question).sample(deals), stream(1, "g")).tables["looks"]["bound"].to_numpy() for m in methods
    ]

    assert found[1][0] < found[2][0] < found[0][0]
    assert found[0][-1] < found[2][-1] < found[1][-1]
    assert found[1][0] < found[3][0] < found[0][0]


@pytest.mark.parametrize("name", ["wild_bootstrap", "randomization", "group_sequential", "anytime"])
def test_a_sound_trial_is_graded_a_and_an_unsound_one_is_not(name: str) -> None:
    """The grade rests on the room's required checks, whichever method answers."""
    from whywin import catalogue

    deals, method = table(reps=20).drop(columns="won"), catalogue.methods("trial")[name]()
    unplanned = Trial(**SOUND, shares=(("alert", 0.9), ("control", 0.1)))

    assert ww.study(ww.Plan("t", Trial(**SOUND), {name: method}, deals=LABELS), deals).grade == "A"
    assert ww.study(ww.Plan("t", unplanned, {name: method}, deals=LABELS), deals).grade == "D"


def test_a_method_for_one_look_fails_where_several_are_planned() -> None:
    """Its grade falls, and the sentence has the error rate of repeated tests; methods for several looks pass, and one look does."""
    methods = {"fixed": Fixed(), "group_sequential": GroupSequential(), "anytime": Anytime()}
    deals = table(reps=20).drop(columns="won")
    several = ww.study(ww.Plan("t", Trial(**SOUND, looks=LOOKS), methods, deals=LABELS), deals)
    once = ww.study(ww.Plan("t", Trial(**SOUND), methods, deals=LABELS), deals)
    (found,) = [check for check in several.evidence["fixed"].checks if check.name == "planned_looks"]

    assert dict(several.grades) == {"fixed": "D", "group_sequential": "A", "anytime": "A"}
    assert found.value == pytest.approx(0.11346, abs=1e-4)  # by SciPy's multivariate normal
    assert "in 11 of 100 trials, not 5" in found.says
    assert once.sound
    assert set(once.grades.values()) == {"A"}


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ({"strata": ("region",)}, "no column 'region'"),
        ({"strata": ("outcome",)}, "changes within 12 rep"),
        ({"strata": ("rep",)}, "rep is the question's own"),
        ({"strata": ("team", "team")}, "a column is named twice"),
        ({"strata": ("side",)}, "no stratum of side has reps of both 'alert' and 'control'"),
        ({"looks": ((date(2024, 2, 1), 0.0), (date(2024, 3, 1), 1.0))}, "above 0 and at most 1, got 0, 1"),
        ({"looks": ((date(2024, 2, 1), 0.5), (date(2024, 3, 1), 1.2))}, "above 0 and at most 1, got 0.5, 1.2"),
        ({"looks": ((date(2024, 2, 1), 0.5), (date(2024, 3, 1), 0.4))}, "must rise from look to look and end at 1"),
        ({"looks": ((date(2024, 3, 1), 0.5), (date(2024, 2, 1), 1.0))}, "dates must rise"),
        ({"looks": LOOKS, "look_date": "day"}, "no column 'day'"),
        ({"looks": LOOKS, "look_date": "team"}, "team must be a date"),
        ({"looks": LOOKS, "look_date": "closed_month"}, "closed_month must be a date"),
    ],
)
def test_a_plan_that_does_not_fit_is_told(question: dict[str, object], words: str) -> None:
    """Strata and looks have their own sentences, beside those of columns that are missing."""
    deals = table().assign(side=lambda rows: rows["arm"])

    faults = Trial(**{**SOUND, **question}).faults(deals)

    assert any(words in fault for fault in faults), faults


def test_all_faults_of_a_plan_come_at_once() -> None:
    """A missing column does not hide that the looks are wrong, nor one fault of the looks another."""
    question = Trial(**SOUND, strata=("region",), looks=((date(2024, 3, 1), 0.5), (date(2024, 2, 1), 0.9)))

    assert len(question.faults(table())) == 3
    assert Trial(**SOUND, strata=("team",), looks=LOOKS).faults(table()) == []


def test_a_missing_date_belongs_to_no_look() -> None:
    """Closed deals without the date that decides their look are told, with their number."""
    deals = table()
    deals.loc[:3, "closed"] = pd.NaT

    assert any("missing in 4 closed deals" in fault for fault in Trial(**SOUND, looks=LOOKS).faults(deals))


@pytest.fixture(scope="module")
def peeking() -> ModuleType:
    """The experiment's script as a module."""
    spec = importlib.util.spec_from_file_location("peeking", ROOT / "experiments" / "peeking.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_experiment_on_peeking_can_hold_and_break(peeking: ModuleType) -> None:
    """Few trials show the contrast; its verdict breaks when the bounds do not keep their rate, or repeating does."""
    settings = peeking.Peeking(worlds=60)
    rows = peeking.simulate(settings)
    none = rows[rows["effect"] == 0].set_index("method")["found"]

    assert none["deals, repeated"] > none["reps, repeated"] > none["group_sequential"]
    assert peeking.verdict(rows)[0]
    for method, share in (("group_sequential", 0.2), ("anytime", 0.2), ("reps, repeated", 0.01)):
        worse = rows.assign(found=rows["found"].where((rows["method"] != method) | (rows["effect"] > 0), share), error=0.005)
        assert not peeking.verdict(worse)[0]
    pd.testing.assert_frame_equal(rows, peeking.simulate(settings))
