"""What is recorded of a run: its metrics, its tags, and its description."""

import html
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Final

import pandas as pd

from whywin.deals.derived import DERIVED
from whywin.evidence import Check, Estimate, Evidence
from whywin.plan import Database, File, Simulated, Source, Spark
from whywin.studies import Run
from whywin.tracking.names import key, metric_name, part

Param = str | int | float | bool | None
TAG_LENGTH: Final = 8000
PARAM_LENGTH: Final = 6000
_DIGEST: Final = 36  # the longest digest of a dataset that MLflow keeps
_SHOWN: Final = 20
_MARKDOWN: Final = re.compile(r"([\\`*_\[\]|~#])")


@dataclass(frozen=True)
class Point:
    """One value of a metric.

    Attributes:
        name: the metric.
        value: its value.
        step: its place in a series.
        moment: milliseconds since 1970 that it is about; None for now.
    """

    name: str
    value: float
    step: int = 0
    moment: int | None = None


def points_of_run(run: Run) -> list[Point]:
    """Return the parent run's metrics: those of the method that answers, and those of the deals."""
    quality = run.deals.quality
    found = [
        *_of_estimates(run.headline.estimates),
        *_of_checks((*run.checks, *run.headline.checks)),
        Point("sound", float(run.sound)),
        Point("quality/score", quality.score),
        Point("deals/kept", float(len(run.deals.table))),
        Point("deals/quarantined", float(len(run.deals.quarantine))),
    ]
    found += [
        Point(f"quality/{part(str(dimension), 200)}", float(score))
        for dimension, score in zip(quality.dimensions["dimension"], quality.dimensions["score"], strict=True)
        if pd.notna(score)
    ]
    if run.truth is not None:
        rows = run.truth[["quantity", "segment", "value"]].itertuples(index=False, name=None)
        found += [Point(metric_name("truth", str(quantity), str(segment)), float(value)) for quantity, segment, value in rows]
    return finite(found)


def points_of_method(run: Run, label: str) -> list[Point]:
    """Return a child run's metrics: those of one method."""
    evidence = run.evidence[label]
    sound = not any(check.undoes for check in evidence.checks)
    return finite([*_of_estimates(evidence.estimates), *_of_checks(evidence.checks), Point("sound", float(sound))])


def finite(points: Iterable[Point]) -> list[Point]:
    """Return the points that are numbers: MLflow draws a missing one as nought."""
    return [point for point in points if math.isfinite(point.value)]


def tags_of_run(run: Run) -> dict[str, str]:
    """Return the parent run's tags."""
    return {
        "grade": run.grade,
        "sound": "yes" if run.sound else "no",
        "headline": run.plan.headline,
        "fingerprint": run.deals.fingerprint,
        "period": period(run.deals.table),
        "seed": str(run.plan.seed),
        "answer": run.answer,
        **{f"version.{name}": text for name, text in run.versions.items()},
        "mlflow.note.content": description(run),
    }


def period(deals: pd.DataFrame) -> str:
    """Return the first and the last day that a table of deals knows of, such as "2023-01-02 to 2024-06-28"; empty without dates."""
    days = [deals[name].dropna() for name in ("created", "closed") if name in deals and deals[name].dtype.kind == "M"]
    days = [one for one in days if len(one)]
    return f"{min(one.min() for one in days):%Y-%m-%d} to {max(one.max() for one in days):%Y-%m-%d}" if days else ""


def tags_of_method(run: Run, label: str) -> dict[str, str]:
    """Return a child run's tags."""
    return {"method": label, "grade": run.grades[label], "fingerprint": run.deals.fingerprint, "seed": str(run.plan.seed)}


def writable(tags: Mapping[str, str]) -> dict[str, str]:
    """Return tags as MLflow accepts them."""
    return {key(name): str(text)[:TAG_LENGTH] for name, text in tags.items()}


def params_text(params: Mapping[str, Param]) -> dict[str, str]:
    """Return parameters as MLflow accepts them; what is not set is written null, as in YAML."""
    return {key(name): ("null" if value is None else str(value))[:PARAM_LENGTH] for name, value in params.items()}


def params_of_method(params: Mapping[str, Param], label: str) -> dict[str, str]:
    """Return the plan's parameters without those of the other methods."""
    own = f"methods.{label}"
    kept = {name: value for name, value in params.items() if not name.startswith("methods.") or f"{name}.".startswith(f"{own}.")}
    return {**params_text(kept), "method": label[:PARAM_LENGTH]}


def as_source(source: Source | None) -> str:
    """Return where the deals came from, in one line."""
    match source:
        case File(path=path):
            return str(path)
        case Simulated(world=world, table=table):
            return f"{table} of a made-up market, seed {world.seed}"
        case Database(connection=connection, table=table):
            return f"{table} of {connection}"
        case Spark(path=path):
            return f"{path} by Spark"
        case _:
            return "a table given in Python"


def dataset_of(run: Run) -> dict[str, str]:
    """Return the dataset as MLflow keeps one, named by our own fingerprint: MLflow's digest ignores rows after the 10,000th."""
    return {
        "name": run.plan.name[:500],
        "digest": run.deals.fingerprint[:_DIGEST],
        "source_type": "whywin",
        "source": json.dumps({"source": as_source(run.plan.source), "sha256": run.deals.fingerprint}),
        "profile": json.dumps({"deals": len(run.deals.table), "quarantined": len(run.deals.quarantine)}),
    }


def tables_of_run(run: Run) -> dict[str, pd.DataFrame]:
    """Return the parent run's tables by name."""
    tables = {
        "estimates": run.to_frame(),
        "checks": checks_frame(run.all_checks),
        "quality": run.deals.quality.dimensions,
        "patterns": checks_frame(run.deals.quality.patterns),
    }
    return tables if run.truth is None else {**tables, "truth": run.truth}


def tables_of_method(evidence: Evidence) -> dict[str, pd.DataFrame]:
    """Return a child run's tables by name; MLflow sets tables side by side by their first column, hence the segment there."""
    frame = evidence.to_frame()
    first = ["segment", "value", "low", "high"]
    estimates = frame[[*first, *(name for name in frame.columns if name not in first)]] if len(frame) else estimates_frame()
    return {**evidence.tables, "estimates": estimates, "checks": checks_frame(evidence.checks)}


def checks_frame(checks: Iterable[Check]) -> pd.DataFrame:
    """Return checks as a table, one row each."""
    return pd.DataFrame([asdict(check) for check in checks], columns=[field.name for field in fields(Check)])


def estimates_frame() -> pd.DataFrame:
    """Return a table of estimates without a row."""
    return pd.DataFrame(columns=[field.name for field in fields(Estimate)])


def description(run: Run) -> str:
    """Return the run in Markdown, the answer first; whatever came from data is text, never markup."""
    failed = [check for check in run.all_checks if not check.passed]
    lines = [
        f"**{as_text(run.answer)}**",
        "",
        f"Evidence grade {run.grade}; {'sound' if run.sound else 'not sound: a check failed'}.",
        "",
    ]
    for check in failed[:_SHOWN]:
        about = f" ({as_text(check.method)})" if check.method else ""
        lines.append(f"- {'failed' if check.undoes else 'note'}: {as_text(check.name)}{about}: {as_text(check.says)}")
    lines += ["", "| method | quantity | segment | estimate | interval | deals |", "| --- | --- | --- | --- | --- | --- |"]
    estimates = [estimate for evidence in run.evidence.values() for estimate in evidence.estimates]
    lines += [_row(estimate) for estimate in estimates[:_SHOWN]]
    if len(estimates) > _SHOWN:
        lines += ["", f"{len(estimates) - _SHOWN} more in tables/estimates.json."]
    if run.plan.description:
        lines += ["", as_text(run.plan.description)]
    return whole_lines(lines)


def whole_lines(lines: Iterable[str]) -> str:
    """Return as many of the lines as a tag holds, so that no line's markup is cut in two."""
    text = ""
    for line in lines:
        if len(text) + len(line) + 1 > TAG_LENGTH:
            return text or line[:TAG_LENGTH]
        text += line + "\n"
    return text


def as_text(text: str) -> str:
    """Return a text that Markdown and HTML show as it stands."""
    return _MARKDOWN.sub(r"\\\1", html.escape(" ".join(str(text).split()), quote=False))


def _row(estimate: Estimate) -> str:
    named = " | ".join(as_text(name[:200]) for name in (estimate.method, estimate.quantity, estimate.segment))
    interval = f"{estimate.low:.2f} to {estimate.high:.2f} ({100 * estimate.level:g} %)"
    return f"| {named} | {estimate.value:.2f} {estimate.unit} | {interval} | {estimate.n:,} |"


def _of_estimates(estimates: Iterable[Estimate]) -> Iterator[Point]:
    estimates = tuple(estimates)
    for estimate in estimates:
        for heading, value in (("estimate", estimate.value), ("low", estimate.low), ("high", estimate.high)):
            yield Point(metric_name(heading, estimate.quantity, estimate.segment), float(value))
    yield from _series(estimates)


def _series(estimates: Iterable[Estimate]) -> Iterator[Point]:
    """Give the estimates by period as series, a step a period; a gap of a period is a gap of a step."""
    series: dict[tuple[str, str], dict[pd.Period, float]] = {}
    for estimate in estimates:
        column, _, level = estimate.segment.partition("=")
        if column not in DERIVED:
            continue
        try:
            period = pd.Period(level, freq=DERIVED[column][1])
        except ValueError:  # such as (missing)
            continue
        series.setdefault((estimate.quantity, column), {})[period] = estimate.value
    for (quantity, column), values in series.items():
        first = min(values)
        for period, value in sorted(values.items()):
            moment = max(0, int(period.start_time.timestamp() * 1000))
            yield Point(part(f"{quantity} by {column}"), float(value), period.ordinal - first.ordinal, moment)


def _of_checks(checks: Iterable[Check]) -> Iterator[Point]:
    passed: dict[str, bool] = {}
    for check in checks:
        passed[check.name] = passed.get(check.name, True) and check.passed
    for name, all_passed in passed.items():
        yield Point(f"check/{part(name, 200)}", float(all_passed))
