"""From a plan and its deals to a run: the whole of whywin's thinking, without a file, a clock or a global in it."""

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

import numpy as np
import pandas as pd

from whywin import catalogue
from whywin.deals.need import Need
from whywin.deals.read import keep_contract
from whywin.deals.table import Deals
from whywin.errors import QuestionError
from whywin.evidence import Answered, Check, Evidence, Grade, Judged, grade
from whywin.plan import Plan
from whywin.stats.streams import stream

VERSIONED: Final = ("whywin", "numpy", "scipy", "pandas", "statsmodels", "pymc", "nutpie", "arviz", "dowhy", "econml")


@dataclass(frozen=True, eq=False)
class Run:
    """A plan and its evidence.

    Attributes:
        plan: what was settled beforehand.
        evidence: each method's answer by label; the first is the run's answer.
        checks: checks about the data or the run as a whole.
        grades: the evidence grade of each method's answer, A to E.
        answer: the answer in one sentence, worded as its grade allows.
        deals: the deals it rests on, with their quality, quarantine and fingerprint.
        versions: versions of whywin and of what it computes with.
        truth: the true numbers (quantity, segment, value, unit) when the deals come from a made-up world.
    """

    plan: Plan
    evidence: Mapping[str, Evidence]
    checks: tuple[Check, ...]
    grades: Mapping[str, Grade]
    answer: str
    deals: Deals
    versions: Mapping[str, str]
    truth: pd.DataFrame | None = None

    @property
    def headline(self) -> Evidence:
        """The evidence of the method that answers."""
        return self.evidence[self.plan.headline]

    @property
    def grade(self) -> Grade:
        """The grade of the answer."""
        return self.grades[self.plan.headline]

    @property
    def sound(self) -> bool:
        """Whether no check failed that would undo the answer; failed checks of the methods beside it do not count."""
        return not any(check.undoes for check in (*self.checks, *self.headline.checks))

    @property
    def all_checks(self) -> tuple[Check, ...]:
        """Every check: of the run, then of each method in the plan's order."""
        return (*self.checks, *(check for evidence in self.evidence.values() for check in evidence.checks))

    def to_frame(self) -> pd.DataFrame:
        """Return every method's estimates, one row each, with the grade; the truth beside them where it is known."""
        frames = [evidence.to_frame().assign(grade=self.grades[label]) for label, evidence in self.evidence.items()]
        table = pd.concat(frames, ignore_index=True)
        if self.truth is None:
            return table
        known = self.truth[["quantity", "segment", "value"]].rename(columns={"value": "truth"})
        return table.merge(known, how="left", on=["quantity", "segment"])

    def _repr_html_(self) -> str:
        table = self.to_frame().to_html(index=False, float_format=lambda x: f"{x:.2f}")
        return f"<p><strong>{html.escape(self.answer)}</strong> (grade {self.grade})</p>{table}"


def study(
    plan: Plan,
    deals: Deals | pd.DataFrame,
    *,
    truth: pd.DataFrame | None = None,
    notify: Callable[[str], None] = lambda _: None,
) -> Run:
    """Answer a plan's question from its deals.

    Args:
        plan: what is asked, by which methods, under which checks, from which seed.
        deals: a table as it came from the CRM, or one that already keeps the contract.
        truth: the true numbers, when the deals come from a made-up world.
        notify: called with a few words before each step; nothing depends on it.

    Raises:
        DataError: more of the table breaks its contract than the plan allows.
        QuestionError: the question does not fit the table; every reason at once.
    """
    kept = deals if isinstance(deals, Deals) else keep_contract(deals, plan.deals)
    faults = [*plan.question.faults(kept.table), *_unfit(plan)]
    if faults:
        raise QuestionError(faults)
    answers = _answers(plan, kept, notify)
    judged: list[Judged] = []
    for name, checker in _checkers(plan).items():
        notify(f"checking {name}")
        judged.append(_checked(plan, name, checker, answers, kept))
    checks = [*kept.remarks, *(check for found in judged for check in found.checks)]
    wording = catalogue.wording(catalogue.kind_of(plan.question))
    run_checks = tuple(check for check in checks if not check.method)
    evidence, grades = {}, {}
    for answer in answers:
        own = answer.evidence.with_checks(check for check in checks if check.method == answer.label)
        own = own.with_tables({name: table for found in judged for name, table in found.tables.get(answer.label, {}).items()})
        evidence[answer.label] = own
        required = catalogue.required_of(answer.method, catalogue.kind_of(plan.question))
        grades[answer.label] = grade(catalogue.design_of(answer.method), (*run_checks, *own.checks), required)
    first = plan.headline
    if hasattr(wording, "tables"):
        evidence[first] = evidence[first].with_tables(wording.tables(plan.question, evidence[first], grades[first]))
    sentence = wording.sentence(plan.question, evidence[first], grades[first])
    return Run(plan, evidence, run_checks, grades, sentence, kept, versions(), truth)


def needs(plan: Plan) -> tuple[Need, ...]:
    """Return what a plan's methods and checks need of the deals.

    Raises:
        QuestionError: a method cannot answer the question; every reason at once.
    """
    faults = _unfit(plan)
    if faults:
        raise QuestionError(faults)
    every = [member.need(plan.question) for member in (*plan.methods.values(), *_checkers(plan).values())]
    return tuple(dict.fromkeys(need for need in every if need is not None))


def versions() -> dict[str, str]:
    """Return the versions of whywin and of the packages that its numbers depend on."""
    return {name: version(name) for name in VERSIONED}


def _unfit(plan: Plan) -> list[str]:
    """Return why methods cannot answer the question; a method that can answer any of its kind has no `faults`."""
    askers = {label: method for label, method in plan.methods.items() if hasattr(method, "faults")}
    return [f"{label}: {fault}" for label, method in askers.items() for fault in method.faults(plan.question)]


def _answers(plan: Plan, deals: Deals, notify: Callable[[str], None]) -> tuple[Answered, ...]:
    samples: dict[Need, pd.DataFrame] = {}
    answers = []
    for label, method in plan.methods.items():
        notify(f"answering by {label}")
        need = method.need(plan.question)
        if need not in samples:
            samples[need] = deals.sample(need)
        sample = samples[need]  # shared: pandas copies what a method writes to
        evidence = method.answer(plan.question, sample.copy(deep=False), stream(plan.seed, label)).signed(label)
        answers.append(Answered(label, method, sample, evidence))
    return tuple(answers)


def _checkers(plan: Plan) -> dict[str, Any]:
    owners = catalogue.checks(catalogue.kind_of(plan.question))
    return {name: plan.checks.get(name) or owner() for name, owner in owners.items()}


def _checked(plan: Plan, name: str, checker: Any, answers: tuple[Answered, ...], deals: Deals) -> Judged:
    need = checker.need(plan.question)
    sample = None if need is None else deals.sample(need)
    rng: np.random.Generator = stream(plan.seed, f"check {name}")
    found = checker.check(plan.question, answers, sample, rng)
    return found if isinstance(found, Judged) else Judged(tuple(found))
