"""The quarterly report's shell: plans are run as of a quarter, claims scored and made, and an edition put together of the record."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import pandas as pd

from whywin import cards, catalogue, claiming, config, report, runner, sources, tracking
from whywin.claims import calibration, record
from whywin.deciding import decisions, ends, move
from whywin.editions import Chapter, Decision, Edition, Topic
from whywin.errors import ClaimError, ConfigError, TrackingError, WhywinError
from whywin.fanning import Fan
from whywin.foresight import Answer, claimed, latest_day
from whywin.many_runs import Job, run_many
from whywin.plan import Plan
from whywin.quarters import Part, Quarter, Quarterly, Wanted
from whywin.registering import held_to_register
from whywin.stats.streams import stream
from whywin.tracking import Recorded

Notify = Callable[[str], None]
EVERY: Final = Fan()
TAG: Final = "quarter"
EXPERIMENT: Final = "whywin-reports"
_MOST: Final = 50  # runs of a plan that are looked through for the quarter's


@dataclass(frozen=True)
class Written:
    """A report that was written.

    Attributes:
        edition: what it says.
        page: where it lies.
        pdf: where the PDF lies, or None.
        says: why there is no PDF; empty where there is one, or none was asked for.
    """

    edition: Edition
    page: Path
    pdf: Path | None
    says: str


def go_through(
    settings: Quarterly,
    quarters: Sequence[Quarter],
    *,
    store_root: Path,
    port: int,
    fan: Fan = EVERY,
    notify: Notify = lambda _: None,
) -> list[str]:
    """Run the plans as of the end of each quarter, score the claims that are due then, and make those of the next.

    Args:
        settings: the report's config.
        quarters: of which, the last one last.
        store_root: the folder of the record.
        port: of the MLflow UI, for links.
        fan: over what the plans go; over as many processes as there are processors when not given.
        notify: called with a few words before each step, and as plans finish.

    Returns:
        What could not be done, one sentence each.
    """
    tracking.open_store(store_root, notify=notify)  # a store that cannot be written to is told before anything is run
    # A plan that no quarter changes says the same of each: it is run once, for the last.
    jobs = [(quarter, part) for quarter in quarters for part in settings.plans if part.set or quarter == quarters[-1]]
    notify(f"running {len(jobs)} plans")
    tasks = [_job(part, quarter) for quarter, part in jobs]
    ended = sorted(
        run_many(tasks, fan=fan, store_root=store_root, port=port, register=True, notify=notify), key=lambda one: one.number
    )
    faults = [
        f"{quarter}: {part.plan.stem}: {fault}" for (quarter, part), one in zip(jobs, ended, strict=True) for fault in one.failure
    ]
    for quarter in quarters:
        notify(f"{quarter}: scoring and making claims")
        claiming.score(None, store_root=store_root, until=quarter.end)
        for (of, part), one in zip(jobs, ended, strict=True):
            if of == quarter and one.finished:
                made = _claim(part, one.finished.run_id, quarter, store_root)
                faults += [f"{quarter}: {part.plan.stem}: {fault}" for fault in made]
    return faults


def _job(part: Part, quarter: Quarter) -> Job:
    changes = [*(quarter.filled(text) for text in part.set), f"track.tags.{TAG}={quarter}"]
    tags = {"config": str(part.plan)}
    return Job(
        lambda: held_to_register(config.load_plan(part.plan, changes), part.plan), tags, runner.command_of(part.plan, changes)
    )


def _claim(part: Part, run: str, quarter: Quarter, store_root: Path) -> Iterator[str]:
    if not part.claims:
        return
    store = tracking.open_store(store_root)
    try:
        answer = claiming.answer_of(store, run)
    except WhywinError as error:
        yield from error.faults
        return
    for wanted in part.claims:
        quantity = wanted.quantity or claiming.main_quantity(answer)
        for segment in _segments(wanted, answer, quantity):
            try:
                made = claimed(answer, quantity, segment, quarter.next.end, wanted.level, claiming.now())
                claiming.refuse_repeated(tracking.ledger(store), made)
            except ClaimError as error:
                yield from error.faults
            else:
                tracking.append(store, made)


def _segments(wanted: Wanted, answer: Answer, quantity: str) -> Iterator[str]:
    rows = answer.estimates[(answer.estimates["method"] == answer.plan.headline) & (answer.estimates["quantity"] == quantity)]
    for name in wanted.segments:
        if name == "all" or "=" in name:
            yield name
        else:
            yield from (segment for segment in rows["segment"] if str(segment).startswith(f"{name}="))


def edition(settings: Quarterly, quarter: Quarter, *, store_root: Path, port: int) -> Edition:
    """Put an edition together of what is recorded.

    Raises:
        TrackingError: nothing is recorded that it could tell of.
        ClaimError: the ledger was changed after it was written.
    """
    store = tracking.open_store(store_root)
    chapters, gaps = [], []
    for part in settings.plans:
        try:
            plan = config.load_plan(part.plan, [quarter.filled(text) for text in part.set])
        except ConfigError as error:
            gaps += [f"{part.plan.stem}: its config cannot be read: {fault}" for fault in error.faults]
            continue
        chapter, missing = _chapter(store, plan, quarter, port)
        chapters += [chapter] if chapter else []
        gaps += missing
    if not chapters:
        raise TrackingError([f"{quarter}: no run that the report could tell of; run the plans first, by --run", *gaps])
    gaps += _of_other_deals(chapters)
    order = list(catalogue.QUESTIONS)
    told = tuple(sorted(chapters, key=lambda one: order.index(one.topic)))
    entries = tracking.ledger(store)
    ledger = record(entries)
    ledger = ledger[ledger["after"] <= f"{quarter.end:%Y-%m-%d}"]
    end = f"{quarter.end:%Y-%m-%d}"
    moves = tuple(_moves(settings, store, told))
    return Edition(
        title=settings.title,
        quarter=str(quarter),
        description=settings.description,
        made=claiming.now(),
        chapters=told,
        gaps=tuple(gaps),
        due=ledger[ledger["due"] == end],
        claimed=ledger[ledger["due"] > end],
        ledger=ledger,
        calibration=calibration(ledger[ledger["due"] <= end]),
        decisions=decisions(told, moves),
        experiments=_experiments(store),
        cards=_cards(store, told),
    )


def _chapter(store: tracking.Store, plan: Plan, quarter: Quarter, port: int) -> tuple[Chapter | None, list[str]]:
    runs = tracking.latest(store, name=plan.name, limit=_MOST)
    finished = [run for run in runs if run.status == "FINISHED" and len(run.estimates)]
    own = [run for run in finished if run.tags.get(TAG) == str(quarter)]
    early = [run for run in finished if run.tags.get("sound") == "yes" and _known_until(run) <= f"{quarter.end:%Y-%m-%d}"]
    gaps = []
    if runs and runs[0].status == "FAILED":
        gaps.append(f"{plan.name}: its latest run failed: {runs[0].tags.get('failure', 'without a word')}")
    if any(run.status == "FINISHED" and not len(run.estimates) for run in runs):
        gaps.append(f"{plan.name}: a run is recorded whose estimates are gone; nothing is told of it")
    if not own and not early:
        return None, [*gaps, f"{plan.name}: no sound run of {quarter} is recorded, so that nothing is told of it"]
    run = (own or early)[0]
    notes = () if own else (f"Not made for {quarter}: the latest sound run, made {run.made:%Y-%m-%d}.",)
    return _told(store, plan, run, notes, port), gaps


def _known_until(run: Recorded) -> str:
    given = run.params.get("deals.known_on", "null")
    return "" if given == "null" else given


def _told(store: tracking.Store, plan: Plan, run: Recorded, notes: tuple[str, ...], port: int) -> Chapter:
    kind = cast("Topic", run.tags["kind"])
    headline = run.tags["headline"]
    segments = tracking.method_table(store, run, headline, "segments")
    figures = sorted((run.folder / "figures").glob("*.svg")) if (run.folder / "figures").is_dir() else []
    return Chapter(
        plan=run.name,
        topic=kind,
        run=run.run_id,
        link=tracking.links(run.experiment_id, run.run_id, port)["Run in MLflow"],
        made=f"{run.made:%Y-%m-%d %H:%M}",
        known_until=_known_until(run),
        answer=run.tags["answer"],
        grade=cast("Any", run.tags["grade"]),
        sound=run.tags["sound"] == "yes",
        headline=headline,
        design=catalogue.design_of(plan.methods.get(headline, next(iter(plan.methods.values())))),
        estimates=run.estimates,
        checks=run.checks,
        fingerprint=run.tags["fingerprint"],
        deals=int(run.metrics.get("deals/kept", 0)),
        quality=run.metrics.get("quality/score", float("nan")),
        question={name.removeprefix("question."): text for name, text in run.params.items() if name.startswith("question.")},
        figures={path.stem: path.read_text(encoding="utf-8") for path in figures},
        segments=pd.DataFrame() if segments is None else segments,
        notes=notes,
    )


def _of_other_deals(chapters: Sequence[Chapter]) -> Iterator[str]:
    """Say when runs of one kind of deals know different ones: their numbers cannot be set side by side."""
    known = {one.known_until for one in chapters if one.known_until}
    if len(known) > 1:
        named = "; ".join(f"{one.plan} up to {one.known_until}" for one in chapters if one.known_until)
        yield f"The runs know deals up to different days: {named}"


def _moves(settings: Quarterly, store: tracking.Store, chapters: Sequence[Chapter]) -> Iterator[Decision]:
    """Yield what moving effort from the lowest segment to the highest would give, where both are told apart from noise."""
    if settings.moves is None:
        return
    for chapter in chapters:
        pair = ends(chapter.segments, settings.moves.column) if chapter.sound else None
        if chapter.topic != "winrates" or pair is None:
            continue
        answer = claiming.answer_of(store, chapter.run)
        if answer.model is None:
            continue
        last = latest_day(answer.deals.table)
        table = answer.deals.table
        column, (worse, better) = settings.moves.column, pair
        part = table[(table["closed"] > last - pd.Timedelta(days=91)) & (table[column].astype("string") == worse)]
        if not len(part):
            continue
        rates = tuple(
            answer.model.mean_rates(part.assign(**{column: level}), stream(answer.plan.seed, f"move {column}"))
            for level in (worse, better)
        )
        found = move(chapter, column, worse, better, cast("Any", rates), settings.moves.deals, stream(answer.plan.seed, "moves"))
        if found is not None:
            yield found


def _experiments(store: tracking.Store) -> pd.DataFrame:
    """Return what is recorded of experiments about our own methods, the latest of each: name, statement, verdict, says, run."""
    runs = [run for run in tracking.latest(store, experiment="whywin-experiments", limit=200) if run.status == "FINISHED"]
    rows = {
        run.name: {
            "name": run.name,
            **{key: run.tags.get(key, "") for key in ("statement", "verdict", "says")},
            "run": run.run_id,
        }
        for run in reversed(runs)
    }
    return pd.DataFrame(rows.values(), columns=["name", "statement", "verdict", "says", "run"])


def _cards(store: tracking.Store, chapters: Sequence[Chapter]) -> pd.DataFrame:
    """Return what recorded experiments found of each method that the chapters use; a method without any has a row that says so."""
    used = {(chapter.topic, str(label)) for chapter in chapters for label in chapter.estimates["method"].unique()}
    frames = []
    for card in cards.cards(store):
        if (card.kind, card.method) not in used:
            continue
        found = cards.as_read(card.numbers) if len(card.numbers) else pd.DataFrame()
        if not len(found):
            said = "; ".join(f"{run.name}: {run.tags.get('verdict', '')}" for run in card.experiments)
            found = pd.DataFrame({"asked": [said or "no experiment about it is recorded here"]})
        frames.append(found.assign(method=card.method))
    table = pd.concat(frames, ignore_index=True).fillna("") if frames else pd.DataFrame(columns=["method"])
    return table[["method", *(name for name in table.columns if name != "method")]]


def write(
    settings: Quarterly,
    quarter: Quarter,
    *,
    to: Path | None,
    pdf: bool,
    store_root: Path,
    port: int,
    notify: Notify = lambda _: None,
) -> Written:
    """Put an edition together, draw it, record it, and write it.

    Args:
        settings: the report's config.
        quarter: of which.
        to: the HTML file to write beside the record; a PDF stands next to it.
        pdf: whether a PDF is wanted.
        store_root: the folder of the record.
        port: of the MLflow UI, for links.
        notify: called with a few words before each step.
    """
    notify("putting the report together")
    made = edition(settings, quarter, store_root=store_root, port=port)
    notify("drawing the report")
    page = report.quarterly_page(made)
    drawn, says = report.as_pdf(page) if pdf else (None, "")
    store = tracking.open_store(store_root)
    params = {"quarter": str(quarter), "plans": ", ".join(chapter.plan for chapter in made.chapters)}
    tags = {"kind": "report", TAG: str(quarter)}
    with tracking.recording(
        store, name=settings.name, experiment=EXPERIMENT, tags=tags, params=params, plan_text=""
    ) as recording:
        recording.write_report(made.table(), made.ledger, made.calibration, page=page, pdf=drawn)
    path = recording.page_path
    pdf_path = path.with_suffix(".pdf") if drawn else None
    if to is not None:
        sources.write_text(page, to)
        path = to
        if drawn:
            pdf_path = to.with_suffix(".pdf")
            sources.write_bytes(drawn, pdf_path)
    return Written(made, path, pdf_path, says)
