"""A CRM's own column names become the contract's, and every fault of the mapping is said at once."""

import pandas as pd
import pytest

from whywin.deals.contract import Contract
from whywin.deals.names import standard_names
from whywin.errors import DataError


def faults_of(raw: pd.DataFrame, contract: Contract) -> tuple[str, ...]:
    """What the refusal of a mapping says."""
    with pytest.raises(DataError) as refused:
        standard_names(raw, contract)
    return refused.value.faults


def test_mapped_columns_are_renamed_and_the_others_keep_their_names():
    """A standard name needs no line for itself, and the user's further columns are left alone."""
    raw = pd.DataFrame({"Result": ["won"], "created": ["2024-01-01"], "Industry": ["Tech"]})

    named = standard_names(raw, Contract(columns={"outcome": "Result"}))

    assert list(named.columns) == ["outcome", "created", "Industry"]
    assert list(raw.columns) == ["Result", "created", "Industry"]


def test_every_fault_is_said_at_once_with_the_nearest_valid_name():
    """A missing column, an unknown standard name, a name used twice and a label in two places stand in one refusal."""
    raw = pd.DataFrame([[1, 2, 3]], columns=["Outcom", "x", "x"])
    columns = {"outcome": "Outcome", "repp": "x", "rep": "Outcom", "stage": "Outcom"}

    faults = faults_of(raw, Contract(columns=columns, won=("yes",), lost=("yes",)))

    assert [fault.partition(":")[0] for fault in faults] == [
        "the table has two columns named 'x'",
        "deals.columns.outcome",
        "deals.columns.repp",
        "deals.columns",
        "deals",
    ]
    assert "no column 'Outcome'; did you mean 'Outcom'?" in faults[1]
    assert "did you mean 'rep'?" in faults[2]
    assert "mapped to rep, stage: map it once" in faults[3]
    assert "the label 'yes' stands in more than one of won, lost and open" in faults[4]


def test_only_the_outcome_is_required():
    """A table without a column for it is refused with the columns that there are."""
    (fault,) = faults_of(pd.DataFrame({"a": [1], "b": [2]}), Contract())

    assert fault.startswith("deals.columns.outcome: missing")
    assert fault.endswith("the table has a, b")


def test_a_user_column_with_a_standard_name_that_is_mapped_elsewhere_is_a_fault():
    """Two columns cannot have one name, and guessing which is meant would be worse."""
    raw = pd.DataFrame({"outcome": ["won"], "stage": ["Demo"], "deal_stage": ["Closed"]})

    (fault,) = faults_of(raw, Contract(columns={"stage": "deal_stage"}))

    assert "has a column 'stage' besides 'deal_stage'" in fault


def test_two_standard_names_may_be_swapped():
    """A column whose standard name is taken over may itself be mapped to another one."""
    raw = pd.DataFrame({"outcome": ["won"], "created": ["2024-02-01"], "closed": ["2024-01-01"]})

    named = standard_names(raw, Contract(columns={"created": "closed", "closed": "created"}))

    assert named.loc[0, ["created", "closed"]].tolist() == ["2024-01-01", "2024-02-01"]
