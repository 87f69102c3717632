"""Which numbers of two recorded runs are not the same, and what, of all that is recorded, could be why."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import pandas as pd

from whywin.tracking.reading import Recorded

ROUNDING: Final = 1e-9  # differences below this share of a number come from another order of the same sums
VERSION: Final = "version."
COMMIT: Final = "mlflow.source.git.commit"
CHANGED: Final = "git.dirty"
COLUMNS: Final = ("method", "what", "segment", "number", "was", "is", "difference")
_ESTIMATE: Final = ("method", "quantity", "segment")
_TOLD: Final = ("name", "description", "track")  # what a plan says for people changes no number
_OF_DEALS: Final = ("source", "deals")
_MACHINE: Final = ("machine", "blas", "threads")
_CODE: Final = "whywin"
_SHOWN: Final = 5


def numbers(one: Recorded, other: Recorded) -> pd.DataFrame:
    """Return every number of estimates and checks that is not the same to the last bit: `COLUMNS`, one row each.

    `difference` is that of two numbers, and missing where one of them is none.
    """
    rows = [*_unlike(_estimates(one), _estimates(other)), *_unlike(_checks(one), _checks(other))]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _estimates(run: Recorded) -> dict[tuple[str, str, str], dict[str, Any]]:
    rows = run.estimates.to_dict("records")
    return {tuple(str(row[name]) for name in _ESTIMATE): _rest(row, _ESTIMATE) for row in rows}  # type: ignore[misc]


def _checks(run: Recorded) -> dict[tuple[str, str, str], dict[str, Any]]:
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in run.checks.to_dict("records"):
        place = (str(row["method"]), f"check {row['name']}")
        count = sum(known[:2] == place for known in found)
        found[(*place, str(count + 1) if count else "")] = {name: row[name] for name in ("passed", "value")}
    return found


def _rest(row: Mapping[Any, Any], without: Iterable[str]) -> dict[str, Any]:
    return {str(name): value for name, value in row.items() if name not in without}


def _unlike(
    before: Mapping[tuple[str, str, str], Mapping[str, Any]], after: Mapping[tuple[str, str, str], Mapping[str, Any]]
) -> Iterator[tuple[Any, ...]]:
    for place in {**before, **after}:
        was, now = before.get(place, {}), after.get(place, {})
        for name in {**was, **now}:
            pair = (was.get(name), now.get(name))
            if _bits(pair[0]) != _bits(pair[1]):
                yield (*place, name, *pair, _difference(*pair))


def _bits(value: Any) -> str:
    """Return a value as text that only the same bits have; what is missing is one thing, however it is missing."""
    if value is None or (isinstance(value, float) and value != value):  # noqa: PLR0124 - NaN differs from itself
        return ""
    if isinstance(value, bool | str):
        return str(value)
    return float(value).hex()


def _difference(was: Any, now: Any) -> float:
    values = [value for value in (was, now) if isinstance(value, int | float) and not isinstance(value, bool)]
    return float(values[1] - values[0]) if len(values) == 2 else float("nan")  # noqa: PLR2004 - of a pair


def is_rounding(unlike: pd.DataFrame) -> bool:
    """Whether all differences are as small as those of sums that were added in another order."""
    if not len(unlike) or unlike["difference"].isna().any():
        return False
    sizes = unlike["was"].astype(float).abs().clip(lower=1e-3)
    return bool((unlike["difference"].abs() <= ROUNDING * sizes).all())


def why(one: Recorded, other: Recorded, unlike: pd.DataFrame) -> str:
    """Say why the numbers of two runs differ, as far as the record can tell, and no further.

    Args:
        one: the first run.
        other: the second.
        unlike: what `numbers` gives of them.
    """
    for run in (one, other):
        if not len(run.estimates):
            reason = run.tags.get("failure") or ("its estimates are gone" if run.status == "FINISHED" else run.status.lower())
            return f"Run {run.run_id[:8]} has no estimates to compare: {reason.rstrip('.')}."
    found = [cause for cause in (_deals(one, other), _plan(one, other), _seed(one, other), *_programs(one, other)) if cause]
    if not len(unlike):
        although = f", although {' and '.join(found)}" if found else ""
        return f"The numbers are the same to the last bit{although}."
    says = f"{_size(one, other, unlike)} {_concluded(found)}"
    if one.tags.get(CHANGED) == "yes" or other.tags.get(CHANGED) == "yes":
        says += " The code had changes that were not committed: the record does not tell whether they were the same in both."
    return says


def _size(one: Recorded, other: Recorded, unlike: pd.DataFrame) -> str:
    if is_rounding(unlike):
        return f"The numbers differ by rounding alone, by {unlike['difference'].abs().max():.1g} at most."
    moved = set(unlike["method"])
    still = sorted({str(name) for run in (one, other) for name in run.estimates["method"]} - moved)
    if not moved - {""}:
        return "The estimates are the same; checks differ."
    unmoved = f"; the same as before: those of {' and '.join(still)}" if still else ""
    return f"The numbers of {' and '.join(sorted(moved - {''}))} differ{unmoved}."


def _concluded(found: list[str]) -> str:
    if not found:
        return "Nothing that is recorded differs: look at the code, at the machine, and at whether a method repeats itself."
    if len(found) == 1:
        return (
            f"Of all that is recorded one thing differs: {found[0]}. It is the reason, unless something unrecorded changed too."
        )
    listed = "; ".join(f"({number}) {cause}" for number, cause in enumerate(found, 1))
    return (
        f"{len(found)} things differ, listed by how much such things usually matter: {listed}. "
        "Which of them moved the numbers these two runs cannot tell: repeat one with a single thing changed."
    )


def _changes(one: Recorded, other: Recorded) -> dict[str, tuple[str, str]]:
    names = [name for name in {**one.params, **other.params} if name.partition(".")[0] not in _TOLD]
    pairs = {name: (one.params.get(name, "not there"), other.params.get(name, "not there")) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _listed(changes: Mapping[str, tuple[str, str]]) -> str:
    """Name what changed; of a method or a check that only one of the plans has, its name alone."""
    said: dict[str, str] = {}
    for name, (was, now) in changes.items():
        owner = ".".join(name.split(".")[:2])
        if name.startswith(("methods.", "checks.")) and "not there" in {was, now}:
            said[owner] = f"{owner} (only in the {'second' if was == 'not there' else 'first'})"
        else:
            said[name] = f"{name} ({was}, then {now})"
    shown = list(said.values())
    further = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + further


def _deals(one: Recorded, other: Recorded) -> str:
    marks = [run.tags.get("fingerprint", "") for run in (one, other)]
    if not all(marks):
        return "whether the deals are the same is not recorded"
    if marks[0] == marks[1]:
        return ""
    counts = [int(run.metrics.get("deals/kept", 0)) for run in (one, other)]
    more = counts[1] - counts[0]
    says = (
        f"the deals differ: {abs(more):,} {'more' if more > 0 else 'fewer'} ({counts[0]:,}, then {counts[1]:,})"
        if more
        else f"the deals differ: there are as many ({counts[0]:,}), with other values or in another order"
    )
    periods = [run.tags.get("period", "") for run in (one, other)]
    says += f", {periods[0]}, then {periods[1]}" if all(periods) and periods[0] != periods[1] else ""
    changes = {name: pair for name, pair in _changes(one, other).items() if name.partition(".")[0] in _OF_DEALS}
    return f"{says}; the plan takes them from elsewhere: {_listed(changes)}" if changes else says


def _plan(one: Recorded, other: Recorded) -> str:
    # where the deals are the same, where they were taken from moves nothing; where they differ, it was told of with them
    known = one.tags.get("fingerprint") and other.tags.get("fingerprint")
    left = (*_OF_DEALS, "seed") if known else ("seed",)
    changes = {name: pair for name, pair in _changes(one, other).items() if name.partition(".")[0] not in left}
    return f"the plan differs in {_listed(changes)}" if changes else ""


def _seed(one: Recorded, other: Recorded) -> str:
    seeds = [run.params.get("seed", "") for run in (one, other)]
    return f"the seed differs ({seeds[0]}, then {seeds[1]})" if seeds[0] != seeds[1] else ""


def _programs(one: Recorded, other: Recorded) -> Iterator[str]:
    changes = {}
    for name in {**one.tags, **other.tags}:
        pair = (one.tags.get(name, "unknown"), other.tags.get(name, "unknown"))
        if name.startswith(VERSION) and pair[0] != pair[1]:
            changes[name.removeprefix(VERSION)] = f"({pair[0]}, then {pair[1]})"
    commits = [run.tags.get(COMMIT, "")[:12] or "unknown" for run in (one, other)]
    code = [f"version {changes[_CODE]}"] if _CODE in changes else []
    code += [f"commit ({commits[0]}, then {commits[1]})"] if commits[0] != commits[1] else []
    if code:
        yield f"whywin itself differs in {' and '.join(code)}"
    others = [f"{name} {pair}" for name, pair in changes.items() if name not in {_CODE, *_MACHINE}]
    if others:
        yield f"versions differ: {', '.join(others)}"
    machine = [f"{name} {changes[name]}" for name in _MACHINE if name in changes]
    if machine:
        yield f"the machine differs: {', '.join(machine)}"
