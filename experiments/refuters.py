"""Do the checks that refute stay silent where an answer is right, and speak where it is wrong?"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, doc
from scipy import special  # as a module: pickle finds a function of it under any name that it has

from whywin.effects.checks.agreement import Agreement
from whywin.effects.checks.bootstrap_stability import BootstrapStability
from whywin.effects.checks.dummy_outcome import DummyOutcome
from whywin.effects.checks.negative_control_outcome import NegativeControlOutcome
from whywin.effects.checks.placebo import Placebo
from whywin.effects.checks.random_common_cause import RandomCommonCause
from whywin.effects.checks.subset_stability import SubsetStability
from whywin.effects.methods.difference import Difference
from whywin.effects.methods.doubly_robust import DoublyRobust
from whywin.effects.methods.matching import Matching
from whywin.effects.methods.weighting import Weighting
from whywin.effects.question import Effect
from whywin.evidence import Answered, Evidence
from whywin.fanning import values
from whywin.settings import check_settings
from whywin.stats.proportions import wilson
from whywin.stats.streams import stream

STATEMENT: Final = (
    "Each check that refutes fails a right answer no more often than its level says, and fails a wrong one of the kind that it is "
    "made for in most worlds."
)
LEVEL: Final = 0.05
CAUGHT: Final = 0.8  # share of the wrong answers that a check must find
LEAK: Final = 8.0  # points that a leak adds to whatever is there
RIGHT: Final = ("right model", "right model, reps")
WRONG: Final = {
    "a leak": ("placebo",),
    "nothing adjusted for": ("dummy_outcome",),
    "a bend": ("dummy_outcome", "agreement"),
    "interval half as wide": ("subset_stability", "bootstrap_stability"),
    "something hidden": ("negative_control_outcome",),
}


@dataclass(frozen=True)
class Refuters:
    """Settings of the experiment."""

    worlds: Annotated[int, Ge(2), doc("made-up worlds in which the answer is right, with reps and without")] = 160
    wrong_worlds: Annotated[int, Ge(2), doc("made-up worlds of each kind in which it is wrong")] = 25
    deals: Annotated[int, Ge(200), doc("closed deals in each of them")] = 500
    seed: Annotated[int, Ge(0), doc("what every random number starts from")] = 20_264
    processes: Annotated[int, Ge(1), doc("worlds answered at the same time; the numbers do not depend on it")] = 4

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)


@dataclass(frozen=True)
class Leaky(Weighting):
    """A method that finds a few points whatever it is given."""

    def answer(self, question: Effect, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return the right answer, moved."""
        evidence = super().answer(question, sample, rng)
        rows = (replace(row, value=row.value + LEAK, low=row.low + LEAK, high=row.high + LEAK) for row in evidence.estimates)
        return replace(evidence, estimates=tuple(rows))

    def point(self, question: Effect, sample: pd.DataFrame) -> float:
        """Return the right effect, moved."""
        return super().point(question, sample) + LEAK


@dataclass(frozen=True)
class Narrow(Weighting):
    """A method whose interval is half as wide as it should be."""

    def answer(self, question: Effect, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return the right estimate in half its interval."""
        evidence = super().answer(question, sample, rng)
        rows = (replace(row, low=(row.low + row.value) / 2, high=(row.high + row.value) / 2) for row in evidence.estimates)
        return replace(evidence, estimates=tuple(rows))


def simulate(settings: Refuters) -> pd.DataFrame:
    """Return one row a world, method and check: whether it failed."""
    jobs = [(kind, number) for kind in RIGHT for number in range(settings.worlds // len(RIGHT))]
    jobs += [(kind, number) for kind in WRONG for number in range(settings.wrong_worlds)]
    answered = values(_answered, [(settings, [job]) for job in jobs], what="worlds", usual=settings.processes)
    rows = [row for batch in answered for row in batch]
    return pd.DataFrame(rows).sort_values(["kind", "world", "check", "method"], ignore_index=True)


def verdict(table: pd.DataFrame) -> tuple[bool, str]:
    """Return whether right answers pass and wrong ones fail, and how often."""
    held, said = True, []
    right = table[table["kind"].isin(RIGHT)]
    for (check, method), part in right.groupby(["check", "method"], sort=True):
        failed, count = int(part["failed"].sum()), len(part)
        low, high = (100 * float(end) for end in wilson(failed, count, 0.95))
        held &= low <= 100 * LEVEL
        said.append(f"{check} fails {method} falsely in {100 * failed / count:.1f} % ({low:.1f} to {high:.1f})")
    for kind, checks in WRONG.items():
        for check in checks:
            part = table[(table["kind"] == kind) & (table["check"] == check) & (table["method"] == _accused(kind))]
            held &= part["failed"].mean() >= CAUGHT
            said.append(f"{check} finds {kind} in {100 * part['failed'].mean():.0f} %")
    return held, "; ".join(said) + "."


def made(deals: int, rng: np.random.Generator, *, bend: float = 0.0, hidden: float = 0.0, reps: float = 0.0) -> pd.DataFrame:
    """Return closed deals that managers chose to treat, without an effect on anyone; a month's score that treatment came too late for.

    Args:
        deals: how many.
        rng: the random stream.
        bend: how much treatment and outcome bend with two columns.
        hidden: how much something unobserved moves treatment, outcome and the score.
        reps: how much reps differ in both, in logits.
    """
    first, second, unseen = rng.normal(size=(3, deals))
    rep = rng.permutation(np.arange(deals) % 40)
    own = reps * rng.normal(size=(2, 40))
    curve = bend * (first**2 - 1 + first * second)
    liking = -0.3 + 0.6 * first + 0.4 * second + curve + hidden * unseen + own[0][rep]
    winning = 0.7 * first - 0.4 * second + curve + hidden * unseen + own[1][rep]
    return pd.DataFrame({
        "called": (rng.uniform(size=deals) < special.expit(liking)).astype(int),
        "won": (rng.uniform(size=deals) < special.expit(winning)).astype(float),
        "first": first,
        "second": second,
        "score": 0.5 * first + hidden * unseen + rng.normal(size=deals),
        "rep": rep,
    })  # fmt: skip


def _answered(settings: Refuters, jobs: list[tuple[str, int]]) -> list[dict[str, object]]:
    return [row for kind, number in jobs for row in _world(settings, kind, number)]


def _world(settings: Refuters, kind: str, number: int) -> Iterator[dict[str, object]]:
    rng = stream(settings.seed, f"{kind} {number}")
    strength = {"a bend": {"bend": 0.8}, "something hidden": {"hidden": 0.8}, "right model, reps": {"reps": 0.3}}.get(kind, {})
    deals = made(settings.deals, rng, **strength)
    cluster = "rep" if kind == "right model, reps" else None
    question = Effect("called", ("first", "second"), estimand="all", cluster=cluster, negative_controls=("score",))
    answers = tuple(
        Answered(label, method, deals, method.answer(question, deals, rng).signed(label))
        for label, method in _methods(kind).items()
    )
    for checker in _checks(kind):
        for check in checker.check(question, answers, deals, rng):
            yield {"kind": kind, "world": number, "check": check.name, "method": check.method, "failed": not check.passed}


def _methods(kind: str) -> dict[str, Any]:
    plain: dict[str, Any] = {"weighting": Weighting(), "matching": Matching(neighbours=3)}
    return {
        "a leak": {"leaky": Leaky()},
        "nothing adjusted for": {"difference": Difference()},
        "a bend": {"weighting": Weighting(), "doubly robust": DoublyRobust(splits=1, learners=("linear", "quadratic"))},
        "interval half as wide": {"narrow": Narrow()},
        "something hidden": {"weighting": Weighting()},
    }.get(kind, plain)


def _accused(kind: str) -> str:
    return next(iter(_methods(kind)))


def _checks(kind: str) -> list[Any]:
    every = {
        "placebo": Placebo(refits=20, level=LEVEL),
        "random_common_cause": RandomCommonCause(refits=6, level=LEVEL),
        "subset_stability": SubsetStability(splits=20, level=LEVEL),
        "bootstrap_stability": BootstrapStability(resamples=20, level=LEVEL),
        "dummy_outcome": DummyOutcome(refits=30, level=LEVEL),
        "negative_control_outcome": NegativeControlOutcome(level=LEVEL),
        "agreement": Agreement(splits=10, level=LEVEL),
    }
    return [checker for name, checker in every.items() if kind in RIGHT or name in WRONG[kind]]


if __name__ == "__main__":
    from whywin.experiment import conduct

    raise SystemExit(conduct(Refuters, STATEMENT, simulate, verdict))
