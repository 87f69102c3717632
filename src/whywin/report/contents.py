"""What the page of a run says, as plain values for the template."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from whywin.catalogue import Kind, kind_of, required_of
from whywin.deals.table import Deals
from whywin.evidence import Check, Estimate
from whywin.plan import Database, File, Simulated, Source, Spark
from whywin.report.numerals import NOTHING, count, decimal, one_line
from whywin.report.picture import Truth, dimensions_of, split, truth_of
from whywin.report.tables import Standing, View, method_table, side_by_side, view_of
from whywin.report.words import KINDS, TABLES, consequence, known, purpose, readable, result
from whywin.studies import Run

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
FIRST_REASONS = 5


@dataclass(frozen=True)
class Finding:
    """A check as the page shows it."""

    name: str
    result: str
    method: str
    says: str
    means: str
    purpose: str


@dataclass(frozen=True)
class Fact:
    """A line at the foot of the page; `link` is empty unless it leads to this machine."""

    label: str
    value: str
    link: str


def main_estimates(run: Run) -> View | None:
    """Return the estimates that answer the question, by every method; None when no method gave one."""
    kind = kind_of(run.plan.question)
    pairs = [
        (label, estimate)
        for label, evidence in run.evidence.items()
        for estimate in evidence.estimates
        if estimate.segment == "all" or kind == "trial"
    ]
    order = list(dict.fromkeys(estimate.quantity for _, estimate in pairs))
    pairs.sort(key=lambda pair: order.index(pair[1].quantity))
    if not pairs:
        return None
    standing = {label: _standing(run, label) for label in run.evidence} if kind == "effect" else None
    return method_table(pairs, run.grades, truth_of(run), standing)


def _standing(run: Run, label: str) -> Standing:
    """Return what the treated and the untreated deals of a method are worth, and which of the checks that could undo it failed."""
    groups = run.evidence[label].tables.get("groups")
    worth = [] if groups is None or "effective" not in groups else [count(number) for number in groups["effective"]]
    checks = [check for check in (*run.checks, *run.evidence[label].checks) if check.severity != "note"]
    failed = list(dict.fromkeys(readable(check.name) for check in checks if not check.passed))
    told = f"{len(failed)} of {len(checks)} failed: {', '.join(failed)}" if failed else f"{len(checks)} passed"
    return Standing(" + ".join(worth) or NOTHING, told)


def segment_estimates(run: Run) -> list[View]:
    """Return the estimates by segment: a table a quantity and dimension, with a column a method."""
    if kind_of(run.plan.question) == "trial":
        return []
    found: dict[tuple[str, str], dict[str, list[Estimate]]] = {}
    for label, evidence in run.evidence.items():
        for estimate in evidence.estimates:
            if estimate.segment != "all":
                key = (estimate.quantity, split(estimate.segment, dimensions_of(run))[0])
                found.setdefault(key, {}).setdefault(label, []).append(estimate)
    return [_by_dimension(*key, by_method, truth_of(run)) for key, by_method in found.items()]


def _by_dimension(quantity: str, dimension: str, by_method: Mapping[str, list[Estimate]], truth: Truth) -> View:
    words = one_line(readable(dimension))
    caption = f"{one_line(quantity).capitalize()} by {words}"
    return side_by_side(caption, by_method, truth, lambda segment: one_line(split(segment, (dimension,))[1]), words)


def room_tables(run: Run) -> tuple[list[View], list[View]]:
    """Return the tables that matter of the answer, and all others, which are folded."""
    kind = kind_of(run.plan.question)
    shown, others = [], []
    for name in TABLES[kind]:
        owner = next((label for label, evidence in run.evidence.items() if len(evidence.tables.get(name, ()))), None)
        if owner:
            shown.append((owner, name))
    for label, evidence in run.evidence.items():
        others += [(label, name) for name in evidence.tables if (label, name) not in shown]
    return [_room_table(run, kind, *pair) for pair in shown], [_room_table(run, kind, *pair) for pair in others]


def _room_table(run: Run, kind: Kind, label: str, name: str) -> View:
    about = known(kind, name)
    caption = f"{one_line(about.title)} ({one_line(label)})"
    return view_of(run.evidence[label].tables[name], caption, headings=about.headings, says=about.says)


def findings(run: Run) -> list[Finding]:
    """Return every check, those that undo something first, then notes, then what passed; the answer's before the others'."""
    kind, answer = kind_of(run.plan.question), run.plan.headline
    order = {"failed": 0, "note": 1, "passed": 2}

    def place(check: Check) -> tuple[int, bool]:
        return order[result(check)], check.method not in {"", answer}

    return [_finding(check, purpose(kind, check.name), answer) for check in sorted(run.all_checks, key=place)]


def _finding(check: Check, about: str, answer: str) -> Finding:
    means = consequence(check, of_answer=check.method in {"", answer})
    return Finding(readable(check.name).capitalize(), result(check), check.method, check.says, means, about)


def finding(check: Check) -> Finding:
    """Return a check that is about no run, such as that of a design."""
    return Finding(readable(check.name).capitalize(), result(check), "", check.says, "", "")


def parted(found: list[Finding], answer: str) -> tuple[list[Finding], list[Finding]]:
    """Return what a reader should see, and what the methods beside the answer passed, which is folded."""
    beside = [one for one in found if one.result == "passed" and one.method not in {"", answer}]
    return [one for one in found if one not in beside], beside


def undoing(run: Run) -> list[Finding]:
    """Return the checks that make the answer unsound, the fatal ones first."""
    kind, answer = kind_of(run.plan.question), run.plan.headline
    failed = [check for check in (*run.checks, *run.headline.checks) if check.undoes]
    return [_finding(check, purpose(kind, check.name), answer) for check in sorted(failed, key=lambda c: c.severity != "fatal")]


def not_run(run: Run) -> list[str]:
    """Return the checks that the grade of the answer requires and that did not run."""
    if run.grade == "E":
        return []
    ran = {check.name for check in (*run.checks, *run.headline.checks)}
    wanted = required_of(run.plan.methods[run.plan.headline], kind_of(run.plan.question))
    return [readable(name) for name in wanted if name not in ran]


def truth_sentence(run: Run) -> str:
    """Return how many of the answer's intervals hold the truth; nothing in the real world."""
    known_truth = truth_of(run)
    pairs = [(e, known_truth[e.quantity, e.segment]) for e in run.headline.estimates if (e.quantity, e.segment) in known_truth]
    if not pairs:
        return "None of its true values is one of the quantities estimated here." if run.truth is not None else ""
    held = sum(estimate.low <= true <= estimate.high for estimate, true in pairs)
    expected = f"{100 * pairs[0][0].level:g}\u00a0%"
    if len(pairs) == 1:
        return f"The answer's interval {'holds' if held else 'does not hold'} the truth; {expected} of such intervals should."
    return f"{held:,} of the answer's {len(pairs):,} intervals that can be compared hold the truth; {expected} of such intervals should."


def deal_facts(deals: Deals) -> list[tuple[str, str]]:
    """Return how many deals there are and what became of them."""
    won = deals.table["won"]
    facts = [
        ("deals", len(won)),
        ("won", int((won == 1).sum())),
        ("lost", int((won == 0).sum())),
        ("still open", int(won.isna().sum())),
    ]
    facts.append(("rows left out", len(deals.quarantine)))
    return [(label, count(number)) for label, number in facts]


def quality_view(deals: Deals) -> View:
    """Return the quality scores by dimension."""
    frame = deals.quality.dimensions
    rows = tuple(
        (str(row["dimension"]), decimal(float(row["score"])) if pd.notna(row["score"]) else "does not apply", str(row["says"]))
        for _, row in frame.iterrows()
    )
    return View("Quality by dimension, 0 to 100", ("dimension", "score", "what was found"), (False, True, False), rows)


def pattern_findings(deals: Deals) -> list[Finding]:
    """Return the suspicious patterns that were looked for, those that were found first."""
    patterns = sorted(deals.quality.patterns, key=lambda check: check.passed)
    return [Finding(readable(p.name).capitalize(), "not found" if p.passed else "found", "", p.says, "", "") for p in patterns]


def quarantine_view(deals: Deals) -> View | None:
    """Return the commonest reasons why rows were left out, with their first rows; None when none was."""
    if not len(deals.quarantine):
        return None
    rows = []
    for reason, part in _by_size(deals.quarantine):
        first = ", ".join(str(row) for row in part["row"].head(3))
        rows.append((one_line(reason, 160), count(len(part)), first))
    return View("Why rows were left out", ("reason", "rows", "first rows, counted from 0"), (False, True, False), tuple(rows))


def _by_size(quarantine: pd.DataFrame) -> Sequence[tuple[str, pd.DataFrame]]:
    parts: Iterable[Any] = quarantine.groupby(quarantine["reasons"].astype(str), sort=False)
    return sorted(parts, key=lambda pair: -len(pair[1]))[:FIRST_REASONS]


def source_text(source: Source | None) -> str:
    """Return where the deals came from."""
    match source:
        case File(path=path):
            return str(path)
        case Simulated(world=world, table=table):
            return f"table {table} of a made-up market, seed {world.seed}"
        case Database(connection=connection, table=table):
            return f"table {table} of {connection}"
        case Spark(path=path):
            return f"{path}, read by Spark"
        case _:
            return "a table given in Python"


def foot(recorded: Mapping[str, str]) -> list[Fact]:
    """Return the lines at the foot; only an address of this machine becomes a link, so that the page loads nothing from elsewhere."""
    return [Fact(str(label), str(value), str(value) if _is_loopback(str(value)) else "") for label, value in recorded.items()]


def _is_loopback(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme == "http" and parts.hostname in LOOPBACK and not any(sign.isspace() for sign in value)
    except ValueError:
        return False


def kind_words(run: Run) -> str:
    """Return what kind of question the run answers."""
    return KINDS[kind_of(run.plan.question)]
