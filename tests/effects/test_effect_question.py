"""Whether a question about an effect fits the deals: every reason why not, at once."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from whywin.effects.question import Effect
from whywin.errors import ConfigError

EDGES = (("engagement", "called"), ("engagement", "won"), ("called", "won"))


def test_a_question_that_fits_has_no_faults(deals: pd.DataFrame, about: Callable[..., Effect]) -> None:
    """Confounders or a graph, a landmark, a cluster and logarithms fit these deals; so does a treatment of True and False."""
    assert about(landmark_days=10, cluster="rep", logs=("amount",), confounders=("engagement", "amount")).faults(deals) == []
    assert about(confounders=(), graph=EDGES).faults(deals) == []
    assert about().faults(deals.assign(called=deals["called"] == 1)) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"treatment": "caled"}, "treatment: the deals have no column 'caled'; did you mean 'called'?"),
        ({"treatment": "amount"}, "treatment: 'amount' must be 0 or 1, got"),
        ({"treatment": "region"}, "treatment: 'region' must be 0 or 1, got"),
        ({"treatment": "won"}, "treatment: 'won' is the outcome too"),
        ({"outcome": "region"}, "outcome: 'region' must be 0 or 1 or a number, got"),
        ({"outcome": "wonn"}, "outcome: the deals have no column 'wonn'; did you mean 'won'?"),
        ({"confounders": ("engagment",)}, "confounders: the deals have no column 'engagment'; did you mean 'engagement'?"),
        ({"confounders": ("called",)}, "confounders: 'called' is the treatment itself"),
        ({"confounders": ("won",)}, "confounders: 'won' is the outcome itself"),
        ({"confounders": ("region", "region")}, "confounders: 'region' stands there twice"),
        ({"known_after": ("region",)}, "confounders: 'region' stands in known_after too"),
        ({"known_after": ("regon",)}, "known_after: the deals have no column 'regon'; did you mean 'region'?"),
        ({"cluster": "reps"}, "cluster: the deals have no column 'reps'; did you mean 'rep'?"),
        ({"graph": EDGES}, "confounders: 'region' is no node of the graph, so that it cannot be judged by it"),
        ({"confounders": (), "graph": "dag { called -> won"}, "graph: line 1: the graph ends before its }"),
        (
            {"confounders": (), "graph": "dag { engagement [exposure]; engagement -> won; called -> won }"},
            "graph: it calls engagement its treatment, and the question 'called'; make them agree",
        ),
        ({"instruments": ("lottery",)}, "instruments: the deals have no column 'lottery'"),
        ({"modifiers": ("regon",)}, "modifiers: the deals have no column 'regon'; did you mean 'region'?"),
        ({"adjust_anyway": ("regon",)}, "adjust_anyway: the deals have no column 'regon'; did you mean 'region'?"),
        ({"adjust_anyway": ("region",)}, "adjust_anyway: nothing is known against adjusting for 'region'"),
        ({"adjust_anyway": ("called",)}, "adjust_anyway: 'called' is the treatment or the outcome itself"),
        ({"confounders": ()}, "confounders, graph: neither is given"),
        ({"logs": ("engagement",)}, "logs: 'engagement' is not a positive number"),
        ({"logs": ("amount",)}, "logs: 'amount' is nothing that could be adjusted for"),
        ({"landmark_days": 89}, "treatment: 0 treated closed deals that were open at 89 days, fewer than 10"),
        ({"confounders": (), "graph": (*EDGES, ("won", "engagement"))}, "is a cycle, and nothing causes itself"),
        ({"confounders": (), "graph": (("called", "called"), *EDGES)}, "called → called is a cycle"),
        ({"confounders": (), "graph": EDGES[:2]}, "graph: no path leads from 'called' to 'won'"),
        ({"confounders": (), "graph": (("engagement", "won"),)}, "graph: no edge names 'called'"),
        (
            {"confounders": (), "graph": (*EDGES, ("engagment", "won"))},
            "graph: 'engagment' is no column; did you mean 'engagement'?",
        ),
    ],
)
def test_each_fault_has_its_sentence(deals: pd.DataFrame, about: Callable[..., Effect], changes: dict, says: str) -> None:
    """The sentence names the field, the value, and what to do."""
    faults = about(**changes).faults(deals)

    assert any(says in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        ("called", 1, "treatment: 'called' is 1 in every closed deal"),
        ("called", [2, 0] * 400, "treatment: 'called' must be 0 or 1, got 2"),
        ("called", [np.nan, 0.0, 1.0, 1.0] * 200, "treatment: 'called' is missing in 200 closed deals"),
        ("called", [1] * 5 + [0] * 795, "treatment: 5 treated closed deals, fewer than 10"),
        ("called", [0] * 3 + [1] * 797, "treatment: 3 untreated closed deals, fewer than 10"),
        ("won", 1.0, "outcome: 'won' has the same value in every closed deal"),
        ("engagement", 0.5, "confounders: 'engagement' is 0.5 in every closed deal"),
        ("engagement", np.nan, "confounders: 'engagement' is missing in every closed deal"),
        ("region", [f"place {number}" for number in range(800)], "confounders: 'region' has 800 different labels, more than 50"),
        ("rep", "R1", "cluster: 'rep' has one value only"),
    ],
)
def test_each_unfit_column_has_its_sentence(
    deals: pd.DataFrame, about: Callable[..., Effect], column: str, values: object, says: str
) -> None:
    """A column that cannot play its part says why, with the number."""
    faults = about(cluster="rep").faults(deals.assign(**{column: values}))

    assert any(fault.startswith(says) for fault in faults), faults


def test_a_landmark_needs_both_dates(deals: pd.DataFrame, about: Callable[..., Effect]) -> None:
    """Without the dates a deal's age cannot be told, and nothing breaks on the way to saying so."""
    faults = about(landmark_days=14).faults(deals.drop(columns=["created", "closed"]))

    assert len(faults) == 1
    assert "no column created and no column closed" in faults[0]


def test_all_faults_come_at_once(deals: pd.DataFrame) -> None:
    """Five mistakes are five sentences."""
    question = Effect("caled", ("regon", "called"), outcome="wonn", cluster="reps", known_after=("x",))

    assert len(question.faults(deals)) >= 5


def test_open_deals_do_not_count(deals: pd.DataFrame, about: Callable[..., Effect]) -> None:
    """Only closed deals are asked for a treatment: one that is missing while the deal is open is no fault."""
    table = deals.assign(called=deals["called"].astype(float))
    table.loc[:50, ["won", "called"]] = np.nan

    assert about().faults(table) == []


def test_settings_keep_their_rules() -> None:
    """A level beyond one, a negative age and an unknown estimand are refused when the question is made."""
    with pytest.raises(ConfigError) as caught:
        Effect("called", level=1.5, landmark_days=-1, estimand="some")

    assert len(caught.value.faults) == 3


def test_candidates_leave_out_what_is_known_after() -> None:
    """Nodes of the graph may be adjusted for, but for treatment, outcome, and what is known only afterwards."""
    question = Effect("called", graph=(*EDGES, ("called", "meetings"), ("meetings", "won")), known_after=("meetings",))

    assert question.candidates == ("engagement",)
    assert (question.quantity, Effect("called", estimand="all").quantity) == ("effect on the treated", "effect on all deals")
