"""What differs between recorded runs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from whywin.errors import TrackingError
from whywin.tracking import causes
from whywin.tracking.causes import VERSION
from whywin.tracking.reading import Recorded, recorded
from whywin.tracking.store import Store

_ANSWER: Final = "(the answer)"


@dataclass(frozen=True, eq=False)
class Comparison:
    """Recorded runs side by side.

    Attributes:
        runs: one row a run: run, name, made, status, grade, sound, answer.
        params: parameters that are not the same in all of them, one row each, one column a run.
        data: the deals that they rest on: run, fingerprint, deals, period, same_as_first.
        versions: versions and commits that are not the same in all of them.
        estimates: one row a method, quantity and segment: each run's value, low and high, and ``differ``: "yes" when the
            intervals of two of them lie apart, "no" when all overlap, empty where fewer than two runs have the estimate.
            Intervals that lie apart are a cautious sign: two estimates may differ though their intervals overlap a little.
        why: of each run but the first, by its identifier: why its numbers are not those of the first, as far as is recorded.
    """

    runs: pd.DataFrame
    params: pd.DataFrame
    data: pd.DataFrame
    versions: pd.DataFrame
    estimates: pd.DataFrame
    why: Mapping[str, str]

    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Return the tables by title, in the order in which they are read; a table without rows says that nothing differs."""
        return {
            "Runs": self.runs,
            "Plans: what differs": self.params,
            "Deals": self.data,
            "Versions: what differs": self.versions,
            "Estimates": self.estimates,
        }


def compare(store: Store, references: Sequence[str]) -> Comparison:
    """Compare recorded runs.

    Args:
        store: where from.
        references: identifiers, their beginnings, or names of plans; two runs or more.

    Raises:
        TrackingError: one of them is not there (every such fault at once), or they are fewer than two.
    """
    found: dict[str, Recorded] = {}
    faults: list[str] = []
    for reference in references:
        try:
            run = recorded(store, reference)
        except TrackingError as error:
            faults += error.faults
        else:
            found[run.run_id] = run
    if faults:
        raise TrackingError(faults)
    if len(found) < 2:  # noqa: PLR2004 - a comparison takes two
        msg = f"{' '.join(references) or 'nothing'}: names {len(found)} run; name two or more different ones"
        raise TrackingError(msg)
    runs = {_label(run, found): run for run in found.values()}
    beginning = next(iter(runs.values()))
    first = beginning.tags.get("fingerprint")
    return Comparison(
        runs=pd.DataFrame([_row(label, run) for label, run in runs.items()]),
        params=_differing({label: run.params for label, run in runs.items()}, "parameter"),
        data=pd.DataFrame([_deals(label, run, first) for label, run in runs.items()]),
        versions=_differing({label: _versions(run) for label, run in runs.items()}, "version"),
        estimates=_estimates(runs),
        why={
            label: causes.why(beginning, run, causes.numbers(beginning, run))
            for label, run in runs.items()
            if run is not beginning
        },
    )


def _label(run: Recorded, found: Mapping[str, Recorded]) -> str:
    """Return a run's identifier, no longer than it takes to tell the runs apart."""
    length = next(size for size in range(8, 33) if len({other[:size] for other in found}) == len(found))
    return run.run_id[:length]


def _row(label: str, run: Recorded) -> dict[str, Any]:
    told = {name: run.tags.get(name, "") for name in ("grade", "sound")}
    says = run.tags.get("answer") or run.tags.get("says") or run.tags.get("failure", "")
    return {"run": label, "name": run.name, "made": f"{run.made:%Y-%m-%d %H:%M}", "status": run.status, **told, "answer": says}


def _deals(label: str, run: Recorded, first: str | None) -> dict[str, Any]:
    fingerprint = run.tags.get("fingerprint", "")
    same = "yes" if fingerprint and fingerprint == first else "no"
    deals = int(run.metrics.get("deals/kept", 0))
    return {
        "run": label,
        "fingerprint": fingerprint,
        "deals": deals,
        "period": run.tags.get("period", ""),
        "same_as_first": same,
    }


def _versions(run: Recorded) -> dict[str, str]:
    found = {name.removeprefix(VERSION): text for name, text in run.tags.items() if name.startswith(VERSION)}
    marks = {"commit": "mlflow.source.git.commit", "uncommitted changes": "git.dirty"}
    return {**found, **{name: run.tags[tag] for name, tag in marks.items() if tag in run.tags}}


def _differing(values: Mapping[str, Mapping[str, str]], heading: str) -> pd.DataFrame:
    names = dict.fromkeys(name for of_run in values.values() for name in of_run)
    rows = [{heading: name, **{label: of_run.get(name, "") for label, of_run in values.items()}} for name in names]
    kept = [row for row in rows if len({row[label] for label in values}) > 1]
    return pd.DataFrame(kept, columns=[heading, *values])


def _estimates(runs: Mapping[str, Recorded]) -> pd.DataFrame:
    headlines = {run.tags.get("headline", "") for run in runs.values()}
    rows: dict[tuple[str, str, str], dict[str, tuple[float, float, float]]] = {}
    for label, run in runs.items():
        for row in run.estimates.to_dict("records"):
            answers = len(headlines) > 1 and row["method"] == run.tags.get("headline")
            place = (_ANSWER if answers else row["method"], row["quantity"], row["segment"])
            rows.setdefault(place, {})[label] = (row["value"], row["low"], row["high"])
    columns = [
        "method",
        "quantity",
        "segment",
        *(f"{part} {label}" for label in runs for part in ("value", "low", "high")),
        "differ",
    ]
    return pd.DataFrame([_side_by_side(place, values) for place, values in rows.items()], columns=columns)


def _side_by_side(place: tuple[str, str, str], values: Mapping[str, tuple[float, float, float]]) -> dict[str, Any]:
    method, quantity, segment = place
    row: dict[str, Any] = {"method": method, "quantity": quantity, "segment": segment}
    for label, numbers in values.items():
        row |= {f"{part} {label}": number for part, number in zip(("value", "low", "high"), numbers, strict=True)}
    return {**row, "differ": _apart(values.values())}


def _apart(values: Iterable[tuple[float, float, float]]) -> str:
    intervals = [(low, high) for _, low, high in values]
    if len(intervals) < 2:  # noqa: PLR2004 - it takes two to differ
        return ""
    return "yes" if max(low for low, _ in intervals) > min(high for _, high in intervals) else "no"
