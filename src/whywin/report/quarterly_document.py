"""The quarterly report as HTML, and as PDF from the same HTML."""

import re
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from whywin.editions import Chapter, Edition
from whywin.evidence import WORDING, Estimate
from whywin.report.document import drawn, rendered, unbroken
from whywin.report.numerals import count, decimal, estimate_text, in_unit, interval
from whywin.report.quarterly_pictures import periods_of, pictures_of
from whywin.report.tables import View, view_of
from whywin.report.words import GRADES, readable

INSTALL: Final = "uv pip install 'whywin[pdf]', and Pango: apt-get install libpango-1.0-0 libpangoft2-1.0-0"
_TAG: Final = re.compile(r"<[^>]+>")
_PROPERTY: Final = re.compile(r"var\(--\w+,\s*(#[0-9a-fA-F]{3,8})\)")


@dataclass(frozen=True)
class Said:
    """One statement of the first page: a large number with its sentence, and where it comes from."""

    number: str
    text: str
    grade: str
    link: str
    run: str


def quarterly_page(edition: Edition) -> str:
    """Return the report as one HTML file that needs nothing else: the first page for a leader, then what it rests on."""
    pictures = {picture.name: drawn(picture) for picture in pictures_of(edition)}
    return rendered(
        "quarterly.html.j2",
        edition=edition,
        headline=_headline(edition),
        happened=_happened(edition),
        why=_why(edition),
        works=[_work(chapter) for chapter in edition.chapters if chapter.topic != "winrates"],
        kept=_kept(edition),
        decisions=edition.decisions,
        pictures=pictures,
        chapters=[_chapter(chapter) for chapter in edition.chapters],
        ledger=_ledger(edition.ledger),
        claimed=_claimed(edition.claimed),
        calibration=_calibration(edition.calibration),
        data=_data(edition),
        experiments=_experiments(edition.experiments),
        cards=view_of(edition.cards, "Calibration cards of the methods used here") if len(edition.cards) else None,
        grades=GRADES,
        wording=WORDING,
    )


def as_pdf(page: str) -> tuple[bytes | None, str]:
    """Return the page as PDF, or None and the sentence that says what to install."""
    try:
        from weasyprint import HTML
    except (ImportError, OSError) as missing:
        return (
            None,
            f"No PDF was written, since WeasyPrint cannot be used here ({type(missing).__name__}); install it: {INSTALL}.",
        )
    import logging

    logging.getLogger("weasyprint").setLevel(logging.ERROR)
    # WeasyPrint knows no custom properties within SVG: each colour stands there as the one for paper.
    return bytes(HTML(string=_PROPERTY.sub("\\1", page)).write_pdf()), ""


def words_of(page: str) -> str:
    """Return the text of a page, without its markup."""
    body = page.partition("<body>")[2]
    return " ".join(_TAG.sub(" ", re.sub(r"<(style|svg)\b.*?</\1>", " ", body, flags=re.DOTALL)).split())


def _number(chapter: Chapter, text: str, sentence: str) -> Said:
    return Said(text, unbroken(sentence), chapter.grade, chapter.link, chapter.run)


def _headline(edition: Edition) -> str:
    chapters = edition.of("winrates")
    row = chapters[0].of("change in win rate") if chapters else None
    if row is None:
        return f"{edition.title}, {edition.quarter}"
    if row.low <= 0 <= row.high:
        return f"{edition.quarter}: the win rate did not move by more than noise"
    return f"{edition.quarter}: the win rate {'fell' if row.value < 0 else 'rose'} by {abs(row.value):.1f} points, which is more than noise"


def _happened(edition: Edition) -> list[Said]:
    found = []
    for chapter in edition.of("winrates"):
        now = next((row for row in periods_of(chapter) if row.segment.endswith(f"={edition.quarter}")), chapter.of("win rate"))
        if now is None:
            continue
        where = (
            f"of the {now.n:,} deals closed in {edition.quarter} were won"
            if now.segment != "all"
            else f"of {now.n:,} deals were won"
        )
        found.append(
            _number(
                chapter,
                in_unit(now.value, now.unit),
                f"{where} ({interval(now.low, now.high, now.unit)} % with {100 * now.level:.0f} % certainty).",
            )
        )
        change = chapter.of("change in win rate")
        if change is not None:
            noise = "no more than noise" if change.low <= 0 <= change.high else "more than noise"
            against = chapter.question.get("baseline") or "before"
            says = f"against {against} ({interval(change.low, change.high, change.unit)}): {noise}."
            found.append(_number(chapter, in_unit(change.value, change.unit), says))
        break
    return found


def _why(edition: Edition) -> list[Said]:
    for chapter in edition.of("winrates"):
        rate, mix = chapter.of("rate effect"), chapter.of("mix effect")
        if rate is None or mix is None:
            continue
        parts = ((rate, "because deals of the same kind were won more or less often"), (mix, "because the mix of deals shifted"))
        return [
            _number(
                chapter, in_unit(row.value, row.unit),
                f"{text} ({interval(row.low, row.high, row.unit)}): {'no more than noise' if row.low <= 0 <= row.high else 'more than noise'}.",
            )
            for row, text in parts
        ]  # fmt: skip
    return []


def _work(chapter: Chapter) -> Said:
    rows = chapter.main_effects()
    text = in_unit(rows[0].value, rows[0].unit) if rows else ""
    sentence = chapter.answer + (
        "" if chapter.sound else f" Not sound: {', '.join(readable(check.name) for check in chapter.failed)} failed."
    )
    return Said(text, unbroken(sentence), chapter.grade, chapter.link, chapter.run)


def _kept(edition: Edition) -> str:
    counts = edition.due["verdict"].value_counts()
    if not len(edition.due):
        return f"No claim was made about {edition.quarter}, so that there is nothing to hold against it."
    decided = int(counts.get("confirmed", 0) + counts.get("broken", 0))
    still = int(counts.get("undecided", 0) + counts.get("open", 0))
    parts = [f"{int(counts.get('confirmed', 0))} of {decided} claims about {edition.quarter} came true"] if decided else []
    parts += [f"{still} claims about {edition.quarter} are not decided"] if still else []
    said = "; ".join(parts)
    whole = edition.calibration[edition.calibration["group"] == "all"]
    for row in whole.to_dict("records"):
        said += (
            f". Over all quarters {row['confirmed']} of {row['decided']} claims made with {100 * row['level']:.0f} % probability held: "
            f"{100 * row['share']:.0f} % ({100 * row['share_low']:.0f} to {100 * row['share_high']:.0f} %)"
        )
    return f"{said}."


def _chapter(chapter: Chapter) -> dict[str, Any]:
    table = chapter.estimates
    main = table[(table["segment"] == "all") | (table["segment"].str.startswith("arm="))]
    rows = [
        (
            row["method"],
            row["quantity"],
            row["segment"],
            estimate_text(Estimate(**{name: row[name] for name in Estimate.__dataclass_fields__})),
            count(row["n"]),
            row["grade"],
        )
        for row in main.to_dict("records")
    ]
    headings = ("method", "quantity", "deals of", "estimate", "deals", "grade")
    estimates = View(
        "Estimates by every method", headings, (False, False, False, True, True, False), tuple(rows), "Intervals in brackets."
    )
    checks = chapter.checks.assign(
        result=[
            "passed" if one else "noted" if severity == "note" else "failed"
            for one, severity in zip(chapter.checks["passed"], chapter.checks["severity"], strict=True)
        ]
    )
    checks = checks.assign(check=checks["name"].map(readable))[["check", "method", "result", "says"]]
    return {
        "self": chapter,
        "estimates": estimates,
        "checks": view_of(checks, "Every check"),
        "failed": [readable(check.name) for check in chapter.failed],
        "question": [(name.replace("_", " "), text) for name, text in chapter.question.items() if text not in {"", "null"}],
    }


def _ledger(ledger: pd.DataFrame) -> View | None:
    return _claims_view("The ledger of claims", ledger) if len(ledger) else None


def _claimed(claimed: pd.DataFrame) -> View | None:
    return _claims_view("What we say now about the next quarter", claimed) if len(claimed) else None


def _claims_view(caption: str, claims: pd.DataFrame) -> View:
    rows = [
        (
            str(one["number"]),
            one["sentence"],
            one["grade"],
            one["verdict"],
            "" if pd.isna(one["found"]) else decimal(one["found"]),
            one["run"][:8],
        )
        for one in claims.to_dict("records")
    ]
    headings = ("claim", "said", "grade", "what became of it", "found", "run")
    return View(
        caption,
        headings,
        (True, False, False, False, True, False),
        tuple(rows),
        "Written down before the deals closed, and not changed since."
        if bool(claims["foreseen"].all())
        else "Made from the deals that were known by then; those of past windows replay the past.",
    )


def _calibration(table: pd.DataFrame) -> View | None:
    if not len(table):
        return None
    rows = [
        (
            row["group"],
            f"{100 * row['level']:.0f} %",
            count(row["decided"]),
            count(row["confirmed"]),
            f"{100 * row['share']:.0f} % ({100 * row['share_low']:.0f} to {100 * row['share_high']:.0f})",
            decimal(row["mean_interval_score"]),
        )
        for row in table.to_dict("records")
    ]
    says = "The share that held should be near the probability that was claimed. Interval score: the smaller the better, in the claims' unit."
    return View(
        "How often claims came true",
        ("claims", "probability", "decided", "held", "share that held", "interval score"),
        (False, *(True,) * 5),
        tuple(rows),
        says,
    )


def _data(edition: Edition) -> View:
    rows = [
        (one.plan, count(one.deals), decimal(one.quality), one.known_until or "all", one.fingerprint[:12], _drift(one))
        for one in edition.chapters
    ]
    return View(
        "Deals, their quality and drift",
        ("plan", "deals", "quality of 100", "known up to", "fingerprint", "drift"),
        (False, True, True, False, False, False),
        tuple(rows),
        "",
    )


def _drift(chapter: Chapter) -> str:
    found = chapter.checks[chapter.checks["name"].isin(["drift", "changed_labels"]) & ~chapter.checks["passed"].astype(bool)]
    return (
        " ".join(found["says"]) if len(found) else "none found" if (chapter.checks["name"] == "drift").any() else "not looked for"
    )


def _experiments(table: pd.DataFrame) -> View | None:
    if not len(table):
        return None
    rows = tuple(
        (one["name"].replace("_", " "), one["verdict"], one["statement"], one["says"]) for one in table.to_dict("records")
    )
    return View(
        "What is known of our own methods",
        ("experiment", "verdict", "statement", "figures"),
        (False,) * 4,
        rows,
        "Simulations with a known truth, as recorded last.",
    )
