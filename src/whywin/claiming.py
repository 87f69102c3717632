"""The ledger's shell: claims are made of recorded runs, and scored by deals that came since."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import pandas as pd

from whywin import config, sources, tracking
from whywin.claims import Claim, Entry, Score, from_lines, open_claims, record, scored, to_lines
from whywin.deals.read import keep_contract
from whywin.deals.table import Deals
from whywin.errors import ClaimError, TrackingError, WhywinError
from whywin.foresight import RATE, Answer, claimed, found
from whywin.plan import File, Plan
from whywin.winrates.question import WinRates

LEVEL: Final = 0.8
Notify = Callable[[str], None]


@dataclass(frozen=True)
class Left:
    """A claim that could not be scored now, and why."""

    number: int
    says: str


def now() -> str:
    """Return the moment in UTC as a ledger writes it."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def claim(
    reference: str,
    *,
    quantity: str | None,
    segment: str,
    due: date,
    level: float,
    store_root: Path,
    notify: Notify = lambda _: None,
) -> tuple[Entry, str]:
    """Claim what deals to come will show, by a recorded run; return the entry and its run's identifier.

    Args:
        reference: the run, as `tracking.recorded` finds it.
        quantity: what is claimed; the run's main quantity when not given.
        segment: "all" or "column=level".
        due: the last day of the window.
        level: probability that the number lies within the interval.
        store_root: the folder of the record.
        notify: called with a few words before each step.

    Raises:
        ClaimError: nothing can be claimed so, with the reason.
        TrackingError: there is no such run, or the record cannot be written.
        DataError: the deals of the run cannot be read any more.
    """
    store = tracking.open_store(store_root, notify=notify)
    answer = answer_of(store, reference, notify)
    wanted = quantity or main_quantity(answer)
    made = claimed(answer, wanted, segment, pd.Timestamp(due), level, now())
    refuse_repeated(tracking.ledger(store), made)
    return tracking.append(store, made)


def answer_of(store: tracking.Store, reference: str, notify: Notify = lambda _: None) -> Answer:
    """Return a recorded run as a claim needs it: its deals are read again, and must be the same."""
    run = tracking.recorded(store, reference)
    if run.status != "FINISHED":
        raise ClaimError(f"{reference}: the run has not finished ({run.status}); run its plan again")
    plan = config.load_plan(run.folder / "plan.yaml")
    notify("reading the run's deals again")
    if plan.source is None:
        raise ClaimError(f"{reference}: its deals were given in Python and cannot be read again; run its plan from a file")
    deals = keep_contract(sources.read(plan.source, plan.deals).frame, plan.deals)
    if deals.fingerprint != run.tags.get("fingerprint"):
        raise ClaimError(
            f"{reference}: its deals have changed since (fingerprint {deals.fingerprint[:12]}, then {run.tags.get('fingerprint', '')[:12]}); "
            "run the plan again, and claim from that"
        )
    model = None
    if isinstance(plan.question, WinRates):
        try:
            model = tracking.kept_model(store, run.run_id)[0]
        except TrackingError:  # a run without a model; what that means is said when a rate is claimed
            model = None
    digest = sha256(run.plan_text.encode()).hexdigest()
    return Answer(plan, deals, run.estimates, run.tags["grade"], run.run_id, digest, model)  # type: ignore[arg-type]


def main_quantity(answer: Answer) -> str:
    """Return the quantity that an answer is about: the win rate, or the first of its estimates."""
    if isinstance(answer.plan.question, WinRates):
        return RATE
    rows = answer.estimates[answer.estimates["method"] == answer.plan.headline]
    return str(rows.iloc[0]["quantity"])


def refuse_repeated(entries: Sequence[Entry], made: Claim) -> None:
    """Refuse a claim about the same number and window of the same plan: the first one counts, not the one that fits.

    Raises:
        ClaimError: there is one.
    """
    for entry in entries:
        if entry.kind != "claim":
            continue
        old = entry.claim
        if (old.plan, old.quantity, old.segment, old.due) == (
            made.plan,
            made.quantity,
            made.segment,
            made.due,
        ) and old.after == made.after:
            raise ClaimError(
                f"claim {entry.number} is about the same number already ({old.quantity}, {old.segment}, due {old.due}): "
                "the first one counts; claim another quantity, segment or day"
            )


def score(
    path: Path | None, *, store_root: Path, notify: Notify = lambda _: None, until: pd.Timestamp | None = None
) -> tuple[list[Score], list[Left]]:
    """Score every claim that is due by new deals; return the new scores, and the claims that could not be scored.

    Args:
        path: the new deals, with the columns of the plans that claimed; each plan's own source is read again when not given.
        store_root: the folder of the record.
        notify: called with a few words before each step.
        until: claims that are due later are left alone; none when not given.

    Raises:
        ClaimError: the ledger was changed after it was written.
        TrackingError: the record cannot be read or written.
    """
    store = tracking.open_store(store_root, notify=notify)
    scores, left = [], []
    read: dict[str, Deals] = {}
    for entry in open_claims(tracking.ledger(store)):
        if until is not None and pd.Timestamp(entry.claim.due) > until:
            continue
        notify(f"scoring claim {entry.number}")
        try:
            plan, deals = new_deals(store, entry.claim, path, read)
            made = scored_now(entry, plan, deals)
        except WhywinError as error:
            left.append(Left(entry.number, " ".join(error.faults)))
            continue
        if isinstance(made, Left):
            left.append(made)
        else:
            tracking.append(store, made)
            scores.append(made)
    return scores, left


def scored_now(entry: Entry, plan: Plan, deals: Deals) -> Score | Left:
    """Return the score of a claim by a table of deals, or why it is not due in it."""
    made = entry.claim
    last = deals.table["closed"].max()
    known = plan.deals.known_on
    until = last if known is None else pd.Timestamp(known)
    if pd.isna(last) or until.normalize() < pd.Timestamp(made.due):
        return Left(entry.number, f"due {made.due}, and the deals go up to {until:%Y-%m-%d}")
    value, count = found(made, plan, deals)
    return scored(made, entry.number, value, count, deals.fingerprint, now())


def new_deals(store: tracking.Store, made: Claim, path: Path | None, read: dict[str, Deals]) -> tuple[Plan, Deals]:
    """Read the deals that came since by the plan that claimed; its `known_on` is left out, since later deals are what it takes.

    `read` keeps what was read already: the plans of several quarters read the same file in the same way.
    """
    run = tracking.recorded(store, made.run)
    if sha256(run.plan_text.encode()).hexdigest() != made.config:
        raise ClaimError(f"run {made.run}: its plan was changed after the claim was made; restore the store from a copy")
    plan = config.load_plan(run.folder / "plan.yaml")
    source = plan.source
    if path is not None:
        source = replace(source, path=path) if isinstance(source, File) else File(path)
    if source is None:
        raise ClaimError("the run's deals were given in Python; name the file of the new deals")
    plan = replace(plan, source=source, deals=replace(plan.deals, known_on=None, as_of=None))
    key = repr((source, plan.deals))
    if key not in read:
        read[key] = keep_contract(sources.read(source, plan.deals).frame, plan.deals)
    return plan, read[key]


def book(store_root: Path) -> pd.DataFrame:
    """Return the ledger: one row a claim with what became of it."""
    return record(tracking.ledger(tracking.open_store(store_root)))


def export(store_root: Path, path: Path) -> int:
    """Write the ledger as JSON Lines, wholly or not at all; return how many entries."""
    entries = tracking.ledger(tracking.open_store(store_root))
    sources.write_text(to_lines(entries), path)
    return len(entries)


def verify(path: Path, store_root: Path | None = None) -> int:
    """Read a ledger from JSON Lines and see that nobody changed it; with a store, that it is the beginning of that one's.

    Raises:
        ClaimError: it was changed, or is another ledger; every fault at once.
        DataError: the file cannot be read.
    """
    entries = from_lines(sources.read_text(path))
    if store_root is not None:
        ours = tracking.ledger(tracking.open_store(store_root))
        for mine, theirs in zip(ours, entries, strict=False):
            if mine.hash != theirs.hash:
                raise ClaimError(
                    f"entry {theirs.number}: is not that of the ledger in {store_root}; one of the two was written anew"
                )
    return len(entries)


def as_json(entry: Entry) -> str:
    """Return an entry as one line of JSON."""
    return json.dumps(json.loads(to_lines([entry])), ensure_ascii=False)
