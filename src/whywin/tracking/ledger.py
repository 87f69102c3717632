"""The ledger of claims as MLflow keeps it: one registered run for each claim, and one for each score."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from whywin.claims import Claim, Entry, Score, entry_of, faults_of, following
from whywin.errors import ClaimError
from whywin.tracking.contents import Point, as_text, finite
from whywin.tracking.faults import told
from whywin.tracking.quiet import client, hushed
from whywin.tracking.store import PART, Store
from whywin.tracking.writer import open_writer

EXPERIMENT: Final = "whywin-claims"
ENTRY: Final = "ledger.entry"
_PAGE: Final = 1000


def ledger(store: Store) -> tuple[Entry, ...]:
    """Return the ledger's entries in their order.

    Raises:
        ClaimError: it was changed after it was written; every fault at once.
    """
    entries, faults = [], []
    for run in _runs(store):
        try:
            entries.append(entry_of(json.loads(run.data.tags[ENTRY])))
        except (ValueError, TypeError, KeyError):
            faults.append(f"run {run.info.run_id}: its entry of the ledger cannot be read: it was changed in MLflow")
    entries.sort(key=lambda entry: entry.number)
    faults += faults_of(entries)
    if faults:
        raise ClaimError([*faults, "the ledger is no record any more; restore the store from a copy made before the change"])
    return tuple(entries)


def append(store: Store, content: Claim | Score) -> tuple[Entry, str]:
    """Write a claim or a score behind the others, and return its entry and the identifier of its run.

    Raises:
        ClaimError: the ledger was changed after it was written.
        TrackingError: the record cannot be written.
    """
    with open_writer(store, EXPERIMENT) as writer, store.appending():
        entry = following(ledger(store), content)
        name = f"claim {entry.number}" if entry.kind == "claim" else f"score of claim {entry.score.claim}"
        run = writer.begin(name, {PART: entry.kind, "kind": entry.kind, **_tags(store, entry)})
        text = json.dumps(asdict(entry), sort_keys=True, ensure_ascii=False)
        writer.log(run, points=finite(_points(entry)), tags={ENTRY: text})
        writer.file(run, "entry.json", text)
        writer.close("FINISHED")
    return entry, run.run_id


def _runs(store: Store) -> list[Any]:
    with told(store.root), hushed(), client(store.uri) as link:
        experiment = link.get_experiment_by_name(EXPERIMENT)
        if experiment is None:
            return []
        found: list[Any] = []
        token = None
        while True:
            page = link.search_runs([experiment.experiment_id], f"tags.`{ENTRY}` LIKE '%'", max_results=_PAGE, page_token=token)
            found += page
            token = page.token
            if not token:
                return found


def _points(entry: Entry) -> list[Point]:
    if entry.kind == "claim":
        claim = entry.claim
        return [Point("estimate", claim.value), Point("low", claim.low), Point("high", claim.high), Point("deals", claim.deals)]
    score = entry.score
    value = [] if score.value is None else [Point("found", score.value)]
    return [
        *value,
        Point("deals", score.deals),
        *([] if score.verdict == "undecided" else [Point("held", score.verdict == "confirmed")]),
    ]


def _tags(store: Store, entry: Entry) -> Mapping[str, str]:
    if entry.kind == "claim":
        claim = entry.claim
        note = f"**{as_text(claim.sentence)}**\n\nGrade {claim.grade}; made from run {claim.run}, due {claim.due}."
        plain = {"plan": claim.plan, "grade": claim.grade, "method": claim.method, "due": claim.due, "of_run": claim.run}
        return {**plain, "fingerprint": claim.fingerprint, "config_sha256": claim.config, "mlflow.note.content": note}
    score = entry.score
    parent = next(run.info.run_id for run in _runs(store) if json.loads(run.data.tags[ENTRY])["number"] == score.claim)
    note = f"**{as_text(score.says)}**"
    return {"verdict": score.verdict, "fingerprint": score.fingerprint, "mlflow.parentRunId": parent, "mlflow.note.content": note}
