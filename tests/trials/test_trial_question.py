"""A question about a trial that does not fit its table is answered with every reason."""

import pandas as pd
import pytest

from whywin.trials.question import Trial


def table(**changes: object) -> pd.DataFrame:
    """A sound trial of four reps."""
    good = {"rep": ["a", "b", "c", "d"] * 2, "arm": ["alert", "alert", "control", "control"] * 2, "won": [1.0, 0.0] * 4}
    return pd.DataFrame({**good, **changes})


SOUND = {"arm": "arm", "control": "control", "unit": "rep"}


def test_a_sound_trial_has_no_faults() -> None:
    """Nothing is said of a table that fits."""
    assert Trial(**SOUND).faults(table()) == []


@pytest.mark.parametrize(
    ("question", "changes", "words"),
    [
        ({"arm": "arms"}, {}, "'arm'"),
        ({"metric": "revenue"}, {}, "no column 'revenue'"),
        ({"control": "kontrol"}, {}, "'control'"),
        ({}, {"arm": "control"}, "one arm"),
        ({}, {"arm": ["alert", "control"] * 2 + ["control", "alert"] * 2}, "more than one arm"),
        ({}, {"arm": ["alert", "control", "control", "control"] * 2}, "fewer than 2"),
        ({}, {"rep": [None, "b", "c", "d"] * 2}, "rep is missing in 2"),
        ({}, {"arm": [None, "alert", "control", "control"] * 2}, "arm is missing in 2"),
        ({"metric": "size"}, {"size": float("nan")}, "missing in every"),
        ({"metric": "size"}, {"size": 3.0}, "nothing to compare"),
        ({"metric": "size"}, {"size": list("abcdefgh")}, "must be a number"),
        ({"shares": (("alert", 0.5), ("call", 0.5))}, {}, "must name each arm"),
        ({"shares": (("alert", 0.5), ("control", 0.9))}, {}, "sum to 1"),
    ],
)
def test_each_misfit_is_one_sentence(question: dict[str, object], changes: dict[str, object], words: str) -> None:
    """The sentence names the value and what is there."""
    faults = Trial(**{**SOUND, **question}).faults(table(**changes))

    assert any(words in fault for fault in faults), faults


def test_several_misfits_are_told_at_once() -> None:
    """Two unknown columns are two sentences."""
    assert len(Trial("arms", "control", "reps").faults(table())) == 2
