"""What every method and every check must keep, whichever file it stands in."""

import runpy
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from math import isfinite
from pathlib import Path
from typing import get_args

import pytest

from whywin import catalogue
from whywin.deals.need import Cells, Columns
from whywin.deals.read import keep_contract
from whywin.evidence import Design, Evidence, Severity, Unit
from whywin.plan import Plan
from whywin.settings import documentation
from whywin.sources import read
from whywin.stats.streams import stream
from whywin.studies import Run, study

KINDS = tuple(catalogue.QUESTIONS)
CONFTEST = runpy.run_path(str(Path(__file__).with_name("conftest.py")))
plan_of, plans_of = CONFTEST["plan_of"], CONFTEST["plans_of"]
PLANS = [pytest.param(kind, config, id=f"{kind}-{config}") for kind in KINDS for config in plans_of(kind)]
METHODS = [
    pytest.param(kind, name, owner, id=f"{kind}-{name}") for kind in KINDS for name, owner in catalogue.methods(kind).items()
]
MEMBERS = METHODS + [
    pytest.param(kind, name, owner, id=f"{kind}-check-{name}") for kind in KINDS for name, owner in catalogue.checks(kind).items()
]


@pytest.mark.parametrize(("kind", "name", "owner"), MEMBERS)
def test_a_member_is_a_frozen_dataclass_that_documents_itself(kind: str, name: str, owner: type) -> None:
    """Settings are values: frozen, with a default and a sentence each, and the class says what it is in one line."""
    assert is_dataclass(owner)
    assert owner.__dataclass_params__.frozen
    assert owner.__doc__.partition("\n")[0].rstrip().endswith((".", "."))
    assert [field.name for field in fields(owner) if not documentation(owner, field.name)] == []
    owner()


@pytest.mark.parametrize(("kind", "name", "owner"), METHODS)
def test_a_method_declares_its_design_and_its_need(kind: str, name: str, owner: type, small_plan: Callable[..., Plan]) -> None:
    """What kind of evidence it gives and which data it needs are known before any data are read."""
    assert owner.design in get_args(Design)
    assert isinstance(owner().need(small_plan(kind, plan_of(kind, name)).question), Columns | Cells)


@pytest.mark.parametrize(("kind", "name", "owner"), METHODS)
def test_no_method_escapes(kind: str, name: str, owner: type, small_plan: Callable[..., Plan]) -> None:
    """Each method stands, at its own name, in a plan whose question it fits, so that it is held to all that follows."""
    plan = small_plan(kind, plan_of(kind, name))

    assert isinstance(plan.methods.get(name), owner), f"conftest.OWN_PLANS: {name} must stand in the config that is named for it"
    assert [*getattr(plan.methods[name], "faults", lambda _: [])(plan.question)] == []


@pytest.mark.parametrize(("kind", "config"), PLANS)
def test_every_answer_is_finite_ordered_and_in_known_words(kind: str, config: str, small_run: Callable[..., Run]) -> None:
    """An estimate lies within its interval, nothing is missing, and units and severities are of the vocabulary."""
    run = small_run(kind, config)

    assert list(run.evidence) == list(run.plan.methods)
    for label, evidence in run.evidence.items():
        assert evidence.estimates, label
        for row in evidence.estimates:
            assert all(isfinite(number) for number in (row.value, row.low, row.high)), row
            assert row.low <= row.value <= row.high, row
            assert (row.unit in get_args(Unit), row.method) == (True, label)
            assert row.n > 0
    assert all(check.severity in get_args(Severity) and isfinite(check.value) for check in run.all_checks)
    assert all(check.says.endswith(".") for check in run.all_checks), [c.says for c in run.all_checks]


@pytest.mark.parametrize("kind", KINDS)
def test_every_check_spoke(kind: str, small_run: Callable[..., Run]) -> None:
    """On the plans of the room each check finds something to judge: none is dead."""
    spoken = {check.name for config in plans_of(kind) for check in small_run(kind, config).all_checks}

    assert spoken >= set(catalogue.checks(kind)) - SILENT


@pytest.mark.parametrize(("kind", "config"), PLANS)
def test_no_answer_repeats_a_quantity(kind: str, config: str, small_run: Callable[..., Run]) -> None:
    """A quantity of a segment is answered once by each method, so that tables line up."""
    for evidence in small_run(kind, config).evidence.values():
        keys = [(row.quantity, row.segment) for row in evidence.estimates]
        assert len(keys) == len(set(keys))


@pytest.mark.parametrize(("kind", "config"), PLANS)
def test_the_methods_estimate_what_the_world_knows(kind: str, config: str, small_run: Callable[..., Run]) -> None:
    """The headline's main quantity has a true value beside it under the same name."""
    table = small_run(kind, config).to_frame()

    assert table["truth"].notna().any()


@pytest.mark.parametrize(("kind", "name", "owner"), METHODS)
def test_a_method_is_pure(kind: str, name: str, owner: type, small_plan: Callable[..., Plan], small_run: Callable) -> None:
    """The same settings, sample and stream give the same numbers to the last bit, and the sample is left as it was."""
    plan, run = (small(kind, plan_of(kind, name)) for small in (small_plan, small_run))
    sample = plan.methods[name].need(plan.question).sample(run.deals.table)
    before = sample.copy(deep=True)
    again: Evidence = plan.methods[name].answer(plan.question, sample, stream(plan.seed, name))

    assert again.signed(name).estimates == run.evidence[name].estimates
    assert sample.equals(before)


@pytest.mark.parametrize(("kind", "config"), PLANS)
def test_another_method_moves_no_numbers(
    kind: str, config: str, small_plan: Callable[..., Plan], small_run: Callable[..., Run]
) -> None:
    """A plan with one method alone gives that method's numbers of the whole plan, bit for bit."""
    plan, whole = small_plan(kind, config), small_run(kind, config)
    last = list(plan.methods)[-1]
    alone = Plan(plan.name, plan.question, {last: plan.methods[last]}, seed=plan.seed, checks=plan.checks)

    assert study(alone, whole.deals).headline.estimates == whole.evidence[last].estimates


@pytest.mark.parametrize(("kind", "config"), PLANS)
def test_a_study_takes_a_plain_table(
    kind: str, config: str, small_plan: Callable[..., Plan], small_run: Callable[..., Run]
) -> None:
    """In a notebook a CRM's own table goes straight in, and gives what the command line gives."""
    plan, whole = small_plan(kind, config), small_run(kind, config)
    first = Plan(plan.name, plan.question, {plan.headline: plan.methods[plan.headline]}, deals=plan.deals, seed=plan.seed)
    raw = read(plan.source).frame

    assert keep_contract(raw, plan.deals).fingerprint == whole.deals.fingerprint
    assert study(first, raw).headline.estimates == whole.headline.estimates


SILENT: set[str] = set()
