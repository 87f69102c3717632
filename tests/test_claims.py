"""Claims and their ledger: what was written down cannot be changed unseen."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whywin.claims import (
    Claim,
    Entry,
    calibration,
    faults_of,
    following,
    from_lines,
    open_claims,
    record,
    scored,
    to_lines,
)
from whywin.errors import ClaimError

CLAIM = Claim(
    sentence="Of the deals that close from 2024-04-01 to 2024-06-30, 38.0 to 44.0 % will be won (80 % probability).",
    quantity="win rate",
    segment="all",
    value=41.0,
    low=38.0,
    high=44.0,
    level=0.8,
    unit="percent",
    deals=600,
    fewest=300,
    method="hierarchical",
    grade="E",
    plan="demo",
    run="a" * 32,
    config="c" * 64,
    fingerprint="f" * 64,
    after="2024-03-31",
    due="2024-06-30",
    made="2024-04-02T08:00:00Z",
)


def book() -> tuple[Entry, ...]:
    """Three claims, the first confirmed, the second broken, the third open."""
    entries: tuple[Entry, ...] = ()
    for number in range(3):
        entries = (*entries, following(entries, replace(CLAIM, segment=f"region={number}", grade="ECC"[number])))
    for number, value in ((1, 40.0), (2, 50.0)):
        entries = (
            *entries,
            following(entries, scored(entries[number - 1].claim, number, value, 500, "n" * 64, "2024-07-02T08:00:00Z")),
        )
    return entries


@pytest.mark.parametrize(
    ("value", "deals", "verdict"),
    [
        (38.0, 300, "confirmed"),
        (44.0, 900, "confirmed"),
        (44.01, 900, "broken"),
        (37.99, 300, "broken"),
        (41.0, 299, "undecided"),
    ],
)
def test_a_number_within_its_interval_confirms(value: float, deals: int, verdict: str) -> None:
    """Ends belong to the interval; with fewer deals than it allows for, nothing is decided."""
    assert scored(CLAIM, 1, value, deals, "n" * 64, "2024-07-02T08:00:00Z").verdict == verdict


def test_no_number_decides_nothing() -> None:
    """A method that could not answer leaves its claim undecided, and says how many deals there were."""
    score = scored(CLAIM, 1, None, 900, "n" * 64, "2024-07-02T08:00:00Z")

    assert (score.verdict, score.value) == ("undecided", None)
    assert "900" in score.says


def test_a_claim_written_after_its_window_is_a_replay() -> None:
    """What was foreseen and what replays the past are told apart by the day it was written down."""
    assert CLAIM.foreseen
    assert not replace(CLAIM, made="2024-07-01T00:00:00Z").foreseen


def test_a_ledger_survives_being_written_and_read() -> None:
    """JSON Lines hold all of it, to the last bit."""
    assert from_lines(to_lines(book())) == book()


@given(st.integers(0, 4), st.sampled_from(["content", "hash", "previous", "left out", "twice", "swapped"]))
def test_any_change_shows(place: int, change: str) -> None:
    """An entry that is edited, left out, repeated or moved breaks the chain."""
    entries = list(book())
    match change:
        case "content":
            entries[place] = replace(entries[place], content={**entries[place].content, "made": "2020-01-01T00:00:00Z"})
        case "hash" | "previous":
            entries[place] = replace(entries[place], **{change: "1" * 64})
        case "left out" if place < len(entries) - 1:  # what was cut from the end can only be seen beside another copy
            del entries[place]
        case "twice":
            entries.insert(place, entries[place])
        case _:
            other = (place + 1) % len(entries)
            entries[place], entries[other] = entries[other], entries[place]

    assert faults_of(entries)


def test_an_entry_forged_with_its_own_hash_breaks_the_next_one() -> None:
    """Who computes the hash of a changed entry anew has to forge all that follow."""
    entries = list(book())
    entries[1] = following(entries[:1], replace(CLAIM, low=0.0, segment="region=1"))

    assert faults_of(entries) == [f"entry 3: does not follow the entry before it, whose hash is {entries[1].hash[:12]}"]


def test_a_line_edited_by_hand_is_said() -> None:
    """The entry is named, with what is wrong with it."""
    text = to_lines(book())

    with pytest.raises(ClaimError, match="entry 2: was changed after it was written"):
        from_lines(text.replace('"segment": "region=1"', '"segment": "region=9"'))
    with pytest.raises(ClaimError, match="line 1: is no entry"):
        from_lines("{}\n" + text)


def test_claims_stay_open_until_they_are_decided() -> None:
    """An undecided claim may still be decided by more deals."""
    entries = book()
    assert [entry.number for entry in open_claims(entries)] == [3]

    entries = (*entries, following(entries, scored(entries[2].claim, 3, 40.0, 10, "n" * 64, "2024-07-02T08:00:00Z")))
    assert [entry.number for entry in open_claims(entries)] == [3]


def test_calibration_counts_decided_claims_by_grade_and_method() -> None:
    """One of two held: 50 % (1.3 to 98.7 %), with the mean of the interval scores 6 and 6 + 10 × 6."""
    table = calibration(record(book())).set_index("group")

    assert list(record(book())["verdict"]) == ["confirmed", "broken", "open"]
    assert (table.loc["all", "confirmed"], table.loc["all", "decided"]) == (1, 2)
    assert table.loc["all", ["share", "share_low", "share_high"]].tolist() == pytest.approx([0.5, 0.0126, 0.9874], abs=1e-4)
    assert table.loc["all", "mean_interval_score"] == pytest.approx((6 + 66) / 2)
    assert (table.loc["grade E", "confirmed"], table.loc["grade C", "confirmed"]) == (1, 0)


def test_nothing_is_said_of_no_claims() -> None:
    """An empty ledger has no calibration, not one of nought."""
    assert not len(calibration(record(())))
