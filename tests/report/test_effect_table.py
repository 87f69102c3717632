"""The table and the forest of all methods: what each answer rests on stands beside it."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from whywin.evidence import Check
from whywin.report.contents import main_estimates
from whywin.report.pictures import pictures
from whywin.studies import Run


@pytest.fixture
def run(runs: SimpleNamespace) -> Run:
    """A run with two methods at least: the first with its groups and a failed check, the last with neither."""
    made = runs.effect()
    labels = list(made.evidence)
    groups = pd.DataFrame(
        {"group": ["treated", "controls"], "deals": [400, 900], "compared": [400, 700], "effective": [400.0, 318.4]}
    )
    first, last = made.evidence[labels[0]], made.evidence[labels[-1]]
    failed = (
        Check("balance", passed=False, severity="serious", says="No.", value=0.2),
        Check("overlap", passed=True, severity="serious", says="Yes.", value=0.0),
    )
    first = replace(first, tables={**first.tables, "groups": groups}, checks=failed)
    tables = {name: table for name, table in last.tables.items() if name != "groups"}
    last = replace(last, tables=tables, checks=(Check("remark", passed=False, severity="note", says="So.", value=0.0),))
    run_check = Check("identification", passed=True, severity="fatal", says="Fine.", value=1.0)
    return replace(made, evidence={**made.evidence, labels[0]: first, labels[-1]: last}, checks=(run_check,))


def test_each_method_stands_beside_what_it_rests_on(run: Run) -> None:
    """Effective deals are the treated and the untreated ones; failed checks are counted and named, notes are neither."""
    view = main_estimates(run)
    place = {name: view.headings.index(name) for name in ("method", "deals", "effective deals", "checks", "grade")}
    rows = {row[place["method"]]: row for row in view.rows}
    labels = list(run.evidence)

    assert rows[labels[0]][place["effective deals"]] == "400 + 318"
    assert rows[labels[0]][place["checks"]] == "1 of 3 failed: balance"
    assert rows[labels[-1]][place["checks"]] == "1 passed"
    assert rows[labels[-1]][place["effective deals"]] not in {"", "0"}
    assert place["deals"] < place["effective deals"] < place["checks"] < place["grade"]
    assert "Effective deals: what the treated and the untreated ones are worth" in view.says


def test_other_kinds_of_question_have_the_table_that_they_had(runs: SimpleNamespace) -> None:
    """Win rates and trials have no effective deals."""
    for made in (runs.observed(), runs.trial()):
        assert "effective deals" not in main_estimates(made).headings


def test_a_doubtful_answer_has_a_hollow_dot(run: Run) -> None:
    """The key says what a hollow dot is where a check failed, and says nothing of it where none did."""
    (picture,) = (one for one in pictures(run) if one.name == "methods")
    calm = replace(run, evidence={label: replace(one, checks=()) for label, one in run.evidence.items()})
    (quiet,) = (one for one in pictures(calm) if one.name == "methods")

    assert "Hollow dot: a check failed that could undo it." in picture.key
    assert "Hollow" not in quiet.key
    assert picture.svg(wide=True) != quiet.svg(wide=True)


def test_the_page_has_the_columns(run: Run, runs: SimpleNamespace, page_of: Callable) -> None:
    """They reach the page."""
    text = runs.words(page_of(run))

    assert "effective deals" in text
    assert "1 of 3 failed: balance" in text
