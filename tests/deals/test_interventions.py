"""The intervention log: its rules, all told at once, and the columns that the deals get of it."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from whywin.config import load_plan, to_yaml
from whywin.deals.contract import Contract
from whywin.deals.interventions import Interventions, with_interventions
from whywin.deals.read import keep_contract
from whywin.errors import ConfigError, DataError
from whywin.plan import File, Simulated
from whywin.sources import read
from whywin.worlds.knobs import Market

DEALS = pd.DataFrame(
    {
        "deal_id": ["1", "2", "3", "4"],
        "created": ["2024-01-01", "2024-01-05", "2024-01-10", "2024-02-01"],
        "closed": ["2024-02-01", "2024-03-01", None, "2024-02-20"],
        "outcome": ["won", "lost", "open", "lost"],
    }
)
LOG = pd.DataFrame(
    {
        "deal_id": [1, 2, 3, 3],
        "kind": ["call", "call", "call", "discount"],
        "time": ["2024-01-20", "2024-01-05", "2024-03-15", "2024-02-02"],
        "who": ["Ann", "Bob", "Ann", "Bob"],
        "recommended": ["yes", "no", "yes", None],
    }
)
CALLS = Interventions({"call": "called"})
Faults = Callable[..., tuple[str, ...]]


@pytest.fixture
def faults_in() -> Faults:
    """The faults of a log, joined to the four deals."""

    def found(log: pd.DataFrame, rules: Interventions = CALLS, contract: Contract | None = None) -> tuple[str, ...]:
        with pytest.raises(DataError) as caught:
            with_interventions(DEALS, log, rules, contract or Contract())
        return caught.value.faults

    return found


def test_a_kind_becomes_columns_of_the_deals() -> None:
    """Whether, when, by whom and on whose advice: a deal without the intervention has 0 and nothing."""
    found = with_interventions(DEALS, LOG, CALLS, Contract())

    assert found["called"].tolist() == [1, 1, 1, 0]
    assert found["called_at"].dt.strftime("%m-%d").tolist()[:3] == ["01-20", "01-05", "03-15"]
    assert found["called_at"].isna().tolist() == [False, False, False, True]
    assert found["called_by"].tolist()[:3] == ["Ann", "Bob", "Ann"]
    assert found["called_recommended"].tolist()[:3] == [1.0, 0.0, 1.0]
    assert "called" not in DEALS


def test_every_fault_of_a_log_is_told_at_once(faults_in: Faults) -> None:
    """Unknown deals, missing kinds, dates that are none or outside of the deal's life, and what stands there twice."""
    bad = pd.DataFrame(
        {
            "deal_id": [9, None, 2, 1, 1, 2, 4, 4, 3],
            "kind": ["call", "call", None, "call", "call", "call", "call", "call", "call"],
            "time": [
                "2024-01-20",
                "2024-01-20",
                "2024-02-01",
                "2023-12-31",
                "soon",
                "2024-03-02",
                "2024-02-05",
                "2024-02-05",
                "2024-06-01",
            ],
            "recommended": ["yes", "no", "yes", "no", "yes", "no", "maybe", "no", "yes"],
        }
    )
    told = faults_in(bad, contract=Contract(as_of=date(2024, 5, 1)))

    expected = (
        "deal_id must not be missing: 1 row(s) of the log, first nothing in row 1",
        "deal_id is no deal of the table: 1 row(s) of the log, first '9",
        "kind must not be missing: 1 row(s) of the log, first nothing in row 2",
        "time must be a date, such as 2024-03-31: 1 row(s) of the log, first 'soon' in row 4",
        "time must not be before the deal was created: 1 row(s) of the log, first '2023-12-31' in row 3",
        "time must not be after the deal was closed: 1 row(s) of the log, first '2024-03-02' in row 5",
        "time must not be after deals.as_of, 2024-05-01: 1 row(s) of the log, first '2024-06-01' in row 8",
        "deal_id stands in the log already with the same kind and time: 1 row(s) of the log",
        "recommended must be yes or no: 1 row(s) of the log, first 'maybe' in row 6",
    )
    assert len(told) == len(expected)
    for words in expected:
        assert any(words in fault for fault in told), words


def test_a_repeated_kind_is_refused_unless_the_first_counts(faults_in: Faults) -> None:
    """A deal that was called twice is a duplicate, unless the plan says beforehand that the first time counts."""
    again = pd.concat([LOG, LOG.iloc[[0]].assign(time="2024-01-10", who="Cid")], ignore_index=True)
    first = Interventions({"call": "called"}, repeated="first")
    found = with_interventions(DEALS, again, first, Contract())

    assert any("has the same kind at another time too" in fault for fault in faults_in(again))
    assert (found.loc[0, "called_at"], found.loc[0, "called_by"]) == (pd.Timestamp("2024-01-10"), "Cid")


def test_bad_rows_within_the_stated_share_are_left_out() -> None:
    """A real log has orphans: up to the share that the plan grants they are left out."""
    orphan = pd.concat([LOG, LOG.iloc[[0]].assign(deal_id=99)], ignore_index=True)
    found = with_interventions(DEALS, orphan, Interventions({"call": "called"}, max_bad_share=0.2), Contract())

    assert found["called"].sum() == 3


def test_what_was_not_known_yet_is_left_out() -> None:
    """Deals as they stood on a day have only the interventions that had happened by its end."""
    found = with_interventions(DEALS, LOG, CALLS, Contract(known_on=date(2024, 1, 20)))

    assert found["called"].tolist() == [1, 1, 0, 0]


def test_columns_that_are_missing_or_in_the_way_are_told_together(faults_in: Faults) -> None:
    """A wrong name is answered with the right one, and no column of the deals is overwritten."""
    rules = Interventions({"call": "outcome"}, columns={"time": "tiem"})
    told = faults_in(LOG, rules)

    assert any("interventions.columns.time: the log has no column 'tiem'; did you mean 'time'?" in fault for fault in told)
    assert any("interventions.kinds.call: the deals have a column 'outcome' already" in fault for fault in told)


def test_a_kind_that_the_log_does_not_have_is_told(faults_in: Faults) -> None:
    """A slip of the pen in the plan does not make everybody untreated."""
    assert faults_in(LOG, Interventions({"cal": "called"})) == (
        "interventions.kinds: the log has no 'cal'; did you mean 'call'?",
    )


def test_settings_that_contradict_themselves_are_refused() -> None:
    """Two kinds cannot make one column, and a log has no other columns than its own."""
    with pytest.raises(ConfigError) as caught:
        Interventions({"call": "x", "discount": "x"}, columns={"whom": "Owner"})

    assert len(caught.value.faults) == 2


def test_a_log_in_a_file_is_found_by_its_own_names(tmp_path: Path) -> None:
    """The config maps the log's columns, the contract those of the deals; the fingerprint moves with the log."""
    DEALS.rename(columns={"deal_id": "Opportunity", "created": "Opened"}).to_csv(tmp_path / "deals.csv", index=False)
    own = LOG.rename(columns={"deal_id": "Opp", "time": "When"})
    own.to_csv(tmp_path / "log.csv", index=False)
    text = """
name: logged
question: {kind: effect, treatment: called, treated_at: called_at, confounders: [amount]}
source:
  path: deals.csv
  interventions: [{path: log.csv, kinds: {call: called}, columns: {deal_id: Opp, time: When}}]
deals: {columns: {deal_id: Opportunity, created: Opened}}
methods: [risk_set_matching]
"""
    (tmp_path / "plan.yaml").write_text(text)
    plan = load_plan(tmp_path / "plan.yaml")
    (tmp_path / "again.yaml").write_text(to_yaml(plan))
    table = read(plan.source, plan.deals)
    own.assign(When=["2024-01-21", *own["When"][1:]]).to_csv(tmp_path / "log.csv", index=False)
    other = read(plan.source, plan.deals)

    assert isinstance(plan.source, File)
    assert load_plan(tmp_path / "again.yaml").source == plan.source
    assert table.frame["called"].tolist() == [1, 1, 1, 0]
    assert "log.csv: call in 3 deals" in table.described
    assert keep_contract(table.frame, plan.deals).fingerprint != keep_contract(other.frame, plan.deals).fingerprint


def test_a_log_without_a_file_and_a_world_with_one_are_faults(tmp_path: Path) -> None:
    """A file of deals needs the log's path, whose faults are told; a made-up market has its own."""
    DEALS.to_csv(tmp_path / "deals.csv", index=False)
    with pytest.raises(DataError) as caught:
        read(File(tmp_path / "deals.csv", interventions=(CALLS, Interventions({"call": "called"}, tmp_path / "lgo.csv"))))
    assert len(caught.value.faults) == 2

    with pytest.raises(DataError, match="a made-up market has a log of its own"):
        read(Simulated(Market(deals=200), interventions=(Interventions({"executive call": "called"}, tmp_path / "log.csv"),)))
