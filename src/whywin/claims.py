"""Claims: what a run says about deals that are not there yet, and whether it came true.

A claim is written down before its deals exist. It says where a number of the deals that close within a window will lie; once the
window is over the number is computed, and the claim is confirmed, broken, or undecided because too few deals closed. Claims and
scores stand in one ledger, each entry with the hash of the one before, so that none can be changed, left out or put in between
without all later ones showing it.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Final, Literal

import pandas as pd

from whywin.errors import ClaimError
from whywin.evidence import Grade, Unit
from whywin.stats.interval_score import interval_score, share_of

Verdict = Literal["confirmed", "broken", "undecided"]
Kind = Literal["claim", "score"]
BEGINNING: Final = "0" * 64
ENOUGH: Final = 0.5  # of the deals that a claim expects: its interval allows for their noise, and not for that of far fewer


@dataclass(frozen=True)
class Claim:
    """A falsifiable sentence about deals to come.

    Attributes:
        sentence: what is claimed, for a person.
        quantity: what will be computed of the deals ("win rate", "effect on the treated").
        segment: which deals: "all" or "region=North".
        value: what is expected, in the unit.
        low: lower end of the predictive interval: of what the deals will show, with their own noise.
        high: its upper end.
        level: probability that the number lies between them, such as .8.
        unit: "percent", "points", "days" or "number".
        deals: closed deals that are expected; the interval allows for their noise.
        fewest: with fewer the claim stays undecided.
        method: label of the method that said it.
        grade: evidence grade of that answer.
        plan: name of the plan.
        run: identifier of the run.
        config: sha256 of the plan.
        fingerprint: sha256 of the deals that it was made from.
        after: the last day in those deals, as 2024-03-31: deals that close later count.
        due: the last day of the window.
        made: when it was written down, in UTC.
    """

    sentence: str
    quantity: str
    segment: str
    value: float
    low: float
    high: float
    level: float
    unit: Unit
    deals: int
    fewest: int
    method: str
    grade: Grade
    plan: str
    run: str
    config: str
    fingerprint: str
    after: str
    due: str
    made: str

    @property
    def foreseen(self) -> bool:
        """Whether it was written down before its window was over; else it replays the past, from deals known by then."""
        return self.made[:10] <= self.due


@dataclass(frozen=True)
class Score:
    """What became of a claim.

    Attributes:
        claim: number of the claim's entry.
        verdict: "confirmed", "broken" or "undecided".
        value: the number that decided, in the claim's unit; None where there was none.
        deals: closed deals that it rests on.
        says: one sentence for a person.
        fingerprint: sha256 of the deals that decided.
        made: when it was scored, in UTC.
    """

    claim: int
    verdict: Verdict
    value: float | None
    deals: int
    says: str
    fingerprint: str
    made: str


@dataclass(frozen=True)
class Entry:
    """One line of the ledger.

    Attributes:
        number: its place, from 1.
        kind: what it holds.
        content: the claim or the score, as plain values.
        previous: hash of the entry before; noughts for the first.
        hash: sha256 of all of this.
    """

    number: int
    kind: Kind
    content: dict[str, Any]
    previous: str
    hash: str

    @property
    def claim(self) -> Claim:
        """The claim that it holds."""
        return Claim(**self.content)

    @property
    def score(self) -> Score:
        """The score that it holds."""
        return Score(**self.content)


def fewest_of(deals: int) -> int:
    """Return with how few deals a claim that expects so many stays undecided."""
    return max(1, round(ENOUGH * deals))


def scored(claim: Claim, number: int, value: float | None, deals: int, fingerprint: str, made: str) -> Score:
    """Return what becomes of a claim, given what the deals of its window show."""
    unit = {"percent": " %", "points": " points", "days": " days"}.get(claim.unit, "")
    interval = f"{claim.low:.1f} to {claim.high:.1f}{unit}"
    if value is None or deals < claim.fewest:
        says = f"Undecided: {deals:,} deals closed in the window, and it takes {claim.fewest:,}."
        return Score(number, "undecided", value, deals, says, fingerprint, made)
    inside = claim.low <= value <= claim.high
    says = f"{'Confirmed' if inside else 'Broken'}: {value:.1f}{unit} from {deals:,} deals, claimed {interval}."
    return Score(number, "confirmed" if inside else "broken", value, deals, says.replace("-", "−"), fingerprint, made)


def following(entries: Sequence[Entry], content: Claim | Score) -> Entry:
    """Return the entry that continues the ledger."""
    previous = entries[-1].hash if entries else BEGINNING
    kind: Kind = "claim" if isinstance(content, Claim) else "score"
    number, plain = len(entries) + 1, asdict(content)
    return Entry(number, kind, plain, previous, _hash(number, kind, plain, previous))


def _hash(number: int, kind: str, content: dict[str, Any], previous: str) -> str:
    text = json.dumps([number, kind, content, previous], sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()


def faults_of(entries: Sequence[Entry]) -> list[str]:
    """Return every way in which a ledger was changed after it was written, one sentence each."""
    faults = []
    previous = BEGINNING
    for place, entry in enumerate(entries, start=1):
        named = f"entry {entry.number}"
        if entry.number != place:
            faults.append(f"{named}: stands at place {place}: an entry was left out, repeated or put in")
        if entry.previous != previous:
            faults.append(f"{named}: does not follow the entry before it, whose hash is {previous[:12]}")
        if _hash(entry.number, entry.kind, entry.content, entry.previous) != entry.hash:
            faults.append(f"{named}: was changed after it was written: its content does not give its hash {entry.hash[:12]}")
        previous = entry.hash
    return faults


def to_lines(entries: Iterable[Entry]) -> str:
    """Return a ledger as JSON Lines."""
    return "".join(json.dumps(asdict(entry), sort_keys=True, ensure_ascii=False) + "\n" for entry in entries)


def from_lines(text: str) -> tuple[Entry, ...]:
    """Read a ledger from JSON Lines.

    Raises:
        ClaimError: a line is no entry, or the ledger was changed; every fault at once.
    """
    entries, faults = [], []
    for place, line in enumerate(filter(str.strip, text.splitlines()), start=1):
        try:
            entries.append(entry_of(json.loads(line)))
        except (ValueError, TypeError, KeyError):
            faults.append(f"line {place}: is no entry of a ledger; export it anew by `whywin ledger --export`")
    faults += faults_of(entries) if not faults else []
    if faults:
        raise ClaimError(faults)
    return tuple(entries)


def entry_of(plain: dict[str, Any]) -> Entry:
    """Return an entry from plain values; ValueError, TypeError or KeyError when they are none."""
    entry = Entry(**plain)
    kinds = {"claim": Claim, "score": Score}
    kinds[entry.kind](**entry.content)  # of what it says it is
    return entry


def open_claims(entries: Sequence[Entry]) -> list[Entry]:
    """Return the claims that have no score yet, or were undecided, in their order."""
    decided = {entry.score.claim for entry in entries if entry.kind == "score" and entry.score.verdict != "undecided"}
    return [entry for entry in entries if entry.kind == "claim" and entry.number not in decided]


def record(entries: Sequence[Entry]) -> pd.DataFrame:
    """Return one row a claim with what became of it: the last score counts.

    Columns number, the fields of `Claim`, foreseen, verdict ("open" without a score), found, found_deals, says, and
    interval_score (missing unless decided).
    """
    scores = {entry.score.claim: entry.score for entry in entries if entry.kind == "score"}
    rows = []
    for entry in entries:
        if entry.kind != "claim":
            continue
        claim, score = entry.claim, scores.get(entry.number)
        decided = score is not None and score.verdict != "undecided" and score.value is not None
        rows.append(
            {
                "number": entry.number,
                **asdict(claim),
                "foreseen": claim.foreseen,
                "verdict": score.verdict if score else "open",
                "found": score.value if score else None,
                "found_deals": score.deals if score else None,
                "says": score.says if score else "",
                "interval_score": float(interval_score(claim.low, claim.high, claim.level, score.value or 0.0))
                if decided and score
                else None,
            }
        )
    return pd.DataFrame(rows, columns=_COLUMNS)


_COLUMNS: Final = [
    "number",
    *Claim.__dataclass_fields__,
    "foreseen",
    "verdict",
    "found",
    "found_deals",
    "says",
    "interval_score",
]


def calibration(claims: pd.DataFrame) -> pd.DataFrame:
    """Return how often claims came true, over all and by grade and by method: one row a group and level.

    Columns group, level (nominal, 0 to 1), decided, confirmed, share with share_low and share_high (exact 95 % interval), and
    mean_interval_score. Only claims that were decided count; nothing is said without any.
    """
    decided = claims[claims["verdict"].isin(["confirmed", "broken"])]
    rows = []
    for column in (None, "grade", "method"):
        names = [None] if column is None else sorted(decided[column].unique())
        for name in names:
            part = decided if column is None else decided[decided[column] == name]
            for level, same in part.groupby("level"):
                held = int((same["verdict"] == "confirmed").sum())
                share = share_of(held, len(same))
                rows.append(
                    {
                        "group": "all" if column is None else f"{column} {name}",
                        "level": level,
                        "decided": len(same),
                        "confirmed": held,
                        "share": share.value,
                        "share_low": share.low,
                        "share_high": share.high,
                        "mean_interval_score": float(same["interval_score"].astype(float).mean()),
                    }
                )
    return pd.DataFrame(
        rows,
        columns=["group", "level", "decided", "confirmed", "share", "share_low", "share_high", "mean_interval_score"],
    )
