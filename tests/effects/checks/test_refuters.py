"""The checks that refit a method on changed deals: silent where the answer is right, loud where it is not."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from whywin.effects import refitting
from whywin.effects.checks.agreement import Agreement
from whywin.effects.checks.bootstrap_stability import BootstrapStability, drawn_anew
from whywin.effects.checks.dummy_outcome import DummyOutcome
from whywin.effects.checks.negative_control_outcome import NegativeControlOutcome
from whywin.effects.checks.placebo import placebos
from whywin.effects.checks.random_common_cause import RandomCommonCause, with_noise
from whywin.effects.checks.simulated_confounder import HIDDEN, SimulatedConfounder, with_hidden
from whywin.effects.checks.subset_stability import SubsetStability
from whywin.effects.methods.difference import Difference
from whywin.effects.methods.doubly_robust import DoublyRobust
from whywin.effects.methods.matching import Matching
from whywin.effects.methods.weighting import Weighting
from whywin.effects.question import Effect
from whywin.errors import QuestionError
from whywin.evidence import Answered, Check, Evidence
from whywin.stats.streams import stream


@pytest.fixture
def checked(answered: Callable) -> Callable[..., tuple[Check, ...]]:
    """Answer by methods, then check, as `study` does."""

    def run(checker: Any, question: Effect, table: pd.DataFrame, *methods: Any) -> tuple[Check, ...]:
        answers = tuple(Answered(type(one).__name__, one, table, answered(one, question, table)) for one in methods)
        need = checker.need(question)
        return checker.check(question, answers, None if need is None else need.sample(table), stream(0, "check"))

    return run


def bent(count: int = 1500, seed: int = 0) -> pd.DataFrame:
    """Deals in which treatment and outcome bend together, and treatment does nothing."""
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(2, count))
    curve = 0.7 * (first**2 - 1 + first * second)
    called, won = (rng.uniform(size=count) < 1 / (1 + np.exp(-0.5 * first - curve)) for _ in range(2))
    return pd.DataFrame({"called": called.astype(int), "won": won.astype(float), "first": first, "second": second})


@dataclass(frozen=True)
class Narrow(Weighting):
    """Half the interval."""

    def answer(self, question: Effect, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Answer as weighting does, too surely."""
        evidence = super().answer(question, sample, rng)
        rows = (replace(row, low=(row.low + row.value) / 2, high=(row.high + row.value) / 2) for row in evidence.estimates)
        return replace(evidence, estimates=tuple(rows))


@pytest.mark.parametrize(
    "checker",
    [
        RandomCommonCause(refits=5),
        SubsetStability(splits=10),
        BootstrapStability(resamples=10),
        DummyOutcome(refits=15),
        Agreement(splits=6),
    ],
)
@pytest.mark.parametrize("cluster", [None, "rep"])
def test_right_answers_pass(checker: Any, cluster: str | None, deals: pd.DataFrame, about: Callable, checked: Callable) -> None:
    """Where models are right, each check speaks of each method that adjusts and fails none; the deals are left as they were."""
    before = deals.copy(deep=True)
    found = checked(checker, about(estimand="all", cluster=cluster), deals, Weighting(), Matching(neighbours=3))

    assert [(check.method, check.passed) for check in found] == [("Weighting", True), ("Matching", True)]
    assert all(check.says.endswith(".") and "nan" not in check.says for check in found)
    pd.testing.assert_frame_equal(deals, before)


def test_a_random_common_cause_moves_the_estimate(deals: pd.DataFrame, about: Callable) -> None:
    """The column of noise is adjusted for: estimates differ from the first one and from one another, which DoWhy's do not."""
    question = about()
    for method in (Matching(), Weighting()):
        found = refitting.refits(method, question, deals, with_noise, [1, 2, 3])
        assert len({*found, refitting.whole(method, question, deals)}) == 4


def test_a_random_common_cause_finds_what_hangs_on_the_number_of_columns(
    deals: pd.DataFrame, about: Callable, checked: Callable
) -> None:
    """A method that drifts with each column that it is given fails."""

    @dataclass(frozen=True)
    class Drifting(Weighting):
        def point(self, question: Effect, sample: pd.DataFrame) -> float:
            return super().point(question, sample) + 20 * len(question.confounders)

    (check,) = checked(RandomCommonCause(refits=3), about(), deals, Drifting())

    assert not check.passed
    assert check.value == pytest.approx(20, abs=1)


def test_halves_and_resamples_find_an_interval_that_is_too_narrow(
    deals: pd.DataFrame, about: Callable, checked: Callable
) -> None:
    """Half an interval makes halves, and resamples, scatter twice as far as it says; of matching the resamples judge the mean alone."""
    for checker in (SubsetStability(), BootstrapStability()):
        (check,) = checked(checker, about(estimand="all"), deals, Narrow())
        assert not check.passed
        assert check.value == pytest.approx(2, rel=0.35)
    (matched,) = checked(BootstrapStability(resamples=5, wider=1.0, level=0.9999), about(), deals, Matching())

    assert "the bootstrap is invalid for matching" in matched.says


def test_subsets_differ(deals: pd.DataFrame, about: Callable) -> None:
    """Each split is another one, of deals or of whole clusters; DoWhy's seeded subsets are all the same."""
    for question in (about(), about(cluster="rep")):
        drawn = {
            refitting.halves(question, deals, np.random.default_rng(seed)).tobytes()
            for seed in refitting.seeds(10, stream(0, "x"))
        }
        assert len(drawn) == 10
    first = refitting.halves(about(cluster="rep"), deals, np.random.default_rng(0))
    assert set(pd.Series(first).groupby(deals["rep"]).mean()) == {0.0, 1.0}


def test_what_is_drawn_twice_is_held_out_together(deals: pd.DataFrame, about: Callable) -> None:
    """A resample has as many deals, and a cluster by which twins are told; of clusters it has whole ones."""
    question, drawn = drawn_anew(about(), deals, np.random.default_rng(0))
    _, clusters = drawn_anew(about(cluster="rep"), deals, np.random.default_rng(0))

    assert len(drawn) == len(deals)
    assert (drawn.groupby(question.cluster)["engagement"].std().fillna(0.0) == 0).all()
    assert drawn[question.cluster].nunique() < len(deals)
    assert set(clusters["rep"].value_counts() % 40) == {0}


def test_a_dummy_outcome_finds_a_bend_and_what_is_not_adjusted_for(
    deals: pd.DataFrame, about: Callable, checked: Callable
) -> None:
    """A straight line where there is a bend, and no adjustment at all, find effects in outcomes that nothing moved; a flexible method does not."""
    question = Effect("called", ("first", "second"), estimand="all")
    methods = (Weighting(), DoublyRobust(splits=1, learners=("linear", "quadratic")))
    straight, flexible = checked(DummyOutcome(refits=15), question, bent(), *methods)
    (plain,) = checked(DummyOutcome(refits=15), about(), deals, Difference())

    assert (straight.passed, flexible.passed, plain.passed) == (False, True, False)
    assert straight.value > 3
    assert straight.severity == "serious"


def test_methods_that_cannot_both_be_right_disagree(checked: Callable) -> None:
    """Where treatment and outcome bend, weighting by a straight line and a flexible method differ beyond noise, and both are named."""
    question = Effect("called", ("first", "second"), estimand="all")
    found = checked(Agreement(), question, bent(), Weighting(), DoublyRobust(splits=1, learners=("linear", "quadratic")))
    (alone,) = checked(Agreement(), question, bent(), Weighting(), Difference())

    assert [check.passed for check in found] == [False, False]
    assert (alone.severity, alone.passed) == ("note", True)


def test_a_negative_control_sees_what_nobody_recorded(checked: Callable) -> None:
    """An outcome of before the treatment that shares its hidden cause is moved; one of noise is not; without one there is a note."""
    rng = np.random.default_rng(1)
    seen, hidden = rng.normal(size=(2, 1200))
    called, won = (rng.uniform(size=1200) < 1 / (1 + np.exp(-seen - 0.8 * hidden)) for _ in range(2))
    table = pd.DataFrame({"called": called.astype(int), "won": won.astype(float), "seen": seen})
    table = table.assign(before=hidden + rng.normal(size=1200), noise=rng.normal(size=1200))
    question = Effect("called", ("seen",))
    quiet, loud = (
        checked(NegativeControlOutcome(), replace(question, negative_controls=names), table, Weighting())[0]
        for names in (("noise",), ("noise", "before"))
    )
    (without,) = checked(NegativeControlOutcome(), question, table, Weighting())

    assert (quiet.passed, loud.passed) == (True, False)
    assert "On before," in loud.says
    assert (without.severity, without.method) == ("note", "")


def test_a_negative_control_goes_with_a_graph(deals: pd.DataFrame, checked: Callable) -> None:
    """What is adjusted for comes from the graph of the question, in which the column need not stand."""
    edges = (("engagement", "called"), ("engagement", "won"), ("region", "called"), ("region", "won"), ("called", "won"))
    question = Effect("called", graph=edges, negative_controls=("amount",))
    (check,) = checked(NegativeControlOutcome(), question, deals, Matching(neighbours=3))

    assert check.passed
    assert "On amount," in check.says


def test_a_simulated_confounder_takes_back_what_a_real_one_did(checked: Callable) -> None:
    """Where a hidden column of known strength makes an effect of nothing, the simulated one of its strength removes it."""
    rng = np.random.default_rng(3)
    hidden, seen = rng.uniform(size=8000) < 0.5, rng.normal(size=8000)
    called = rng.uniform(size=8000) < 1 / (1 + np.exp(0.5 - 1.2 * hidden - 0.3 * seen))
    won = rng.uniform(size=8000) < 1 / (1 + np.exp(0.6 - 1.2 * hidden - 0.3 * seen))
    table = pd.DataFrame({"called": called.astype(int), "won": won.astype(float), "seen": seen})
    strength = float(np.exp(1.2))
    question = Effect("called", ("seen",), estimand="all")
    (real,) = checked(SimulatedConfounder(strength, strength, refits=3), question, table, Weighting())
    (none,) = checked(SimulatedConfounder(1.0, 1.0, refits=3), question, table, Weighting())

    assert not real.passed
    assert real.value == pytest.approx(0, abs=1.5)
    assert none.passed
    assert none.value > 5


def test_the_simulated_confounder_has_the_odds_that_are_asked_for(deals: pd.DataFrame, about: Callable) -> None:
    """Given the outcome, its odds are so many times as large for treated deals; for a negative effect it speaks the other way."""
    many = pd.concat([deals] * 60, ignore_index=True)
    checker = SimulatedConfounder(2.0, 3.0)
    for raising, expected in ((True, 3.0), (False, 1 / 3)):
        _, drawn = with_hidden(about(), checker.with_chance(about(), many, raising=raising), np.random.default_rng(0))
        odds = drawn.groupby(["called", "won"])[HIDDEN].mean().pipe(lambda share: share / (1 - share))
        assert odds[1, 0] / odds[0, 0] == pytest.approx(2.0, rel=0.1)
        assert odds[0, 1] / odds[0, 0] == pytest.approx(expected, rel=0.1)


def test_numbers_do_not_depend_on_the_workers(deals: pd.DataFrame, about: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    """One at a time, by threads and by processes: the same refits to the last bit."""
    question, given = about(), [3, 1, 4, 1]
    monkeypatch.setattr(refitting, "WORKERS", 2)
    tasks = [(Weighting(), question, deals, with_noise, seed) for seed in given]
    turns, threads, processes = (refitting.each(refitting._refit, tasks, by=by) for by in ("turns", "threads", "processes"))

    assert turns == threads == processes
    assert turns[1] == turns[3] != turns[0]


def test_a_method_says_how_often_it_may_be_refitted() -> None:
    """Learning by machine is dear, straight lines are not, and a method may have a word of its own."""

    @dataclass(frozen=True)
    class Slow(Weighting):
        most_refits: ClassVar[int] = 4

    asked = [
        refitting.affordable(method, 100) for method in (Weighting(), DoublyRobust(), DoublyRobust(learners=("linear",)), Slow())
    ]

    assert asked == [100, refitting.FEW, 100, 4]
    assert [refitting.affordable_pairs(method, 20) for method in (Weighting(), DoublyRobust(), Slow())] == [20, 3, 3]
    assert refitting.affordable(DoublyRobust(), 20) == refitting.FEWEST
    assert refitting.affordable_pairs(DoublyRobust(), 20, few=5) == 5


def test_the_fast_way_is_the_methods_own(deals: pd.DataFrame, about: Callable) -> None:
    """Matching's fast placebos are its slow ones; a method made from it that answers otherwise is not refuted in its stead."""

    @dataclass(frozen=True)
    class Otherwise(Matching):
        def point(self, question: Effect, sample: pd.DataFrame) -> float:
            return 7.0

    from whywin.effects.checks.placebo import with_dealt_anew

    question = about()
    fast = placebos(Matching(), question, deals, [1, 2])

    assert fast == pytest.approx(refitting.refits(Matching(), question, deals, with_dealt_anew, [1, 2]), abs=1e-9)
    assert list(placebos(Otherwise(), question, deals, [1, 2])) == [7.0, 7.0]


def test_deals_that_cannot_be_answered_are_left_out(deals: pd.DataFrame, about: Callable, checked: Callable) -> None:
    """A method that refuses changed deals is not refitted on them, and one that refuses all of them is not called stable."""

    @dataclass(frozen=True)
    class Refusing(Weighting):
        def point(self, question: Effect, sample: pd.DataFrame) -> float:
            raise QuestionError("no")

    for checker in (SubsetStability(), BootstrapStability()):
        (check,) = checked(checker, about(), deals, Refusing())
        assert not check.passed
        assert "cannot be said" in check.says
