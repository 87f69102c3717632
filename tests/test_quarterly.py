"""The quarterly report: put together of what is recorded, traceable to it, and silent where nothing is known."""

import html
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from whywin import claiming, quarterly, tracking
from whywin.cli import app
from whywin.config import load_report
from whywin.deciding import decisions, ends, move
from whywin.editions import Chapter, Edition
from whywin.errors import ConfigError
from whywin.evidence import WORDING
from whywin.quarters import Quarter
from whywin.report import as_pdf, quarterly_page
from whywin.report.quarterly_document import words_of

RATES = """\
name: rates
question: {{kind: winrates, segments: [region], time: closed, baseline: [2023Q3], current: [2023Q4]}}
source: {{world: {{seed: 3, deals: 1200, follow_up_days: 95}}}}
deals: {{won: [Won], lost: [Lost], open: [Open]}}
methods: [hierarchical, decomposition]
seed: 1
"""
CALLS = """\
name: calls
question: {{kind: effect, treatment: executive_call, confounders: [engagement, champion], landmark_days: 14}}
source: {{world: {{seed: 3, deals: 1200, follow_up_days: 95}}}}
deals: {{won: [Won], lost: [Lost], open: [Open]}}
methods: [difference]
checks:
  - placebo: {{refits: 5}}
seed: 1
"""
REPORT = """\
report: small
title: A small report
plans:
  - plan: rates.yaml
    set: ["deals.known_on={end}", "question.current=[{quarter}]", "question.baseline=[{previous}]"]
    claims: [{segments: [all, region]}]
  - plan: calls.yaml
    set: ["deals.known_on={end}"]
    claims: [{}]
moves: {column: region, deals: 40}
"""
ROW = {"segment": "all", "level": 0.95, "n": 900, "unit": "points", "method": "m", "grade": "A"}


def chapter(
    topic: str = "effect", grade: str = "A", low: float = 2.0, high: float = 9.0, quantity: str = "effect on the treated"
) -> Chapter:
    """A recorded run of one effect."""
    value = (low + high) / 2
    estimates = pd.DataFrame([{"quantity": quantity, "value": value, "low": low, "high": high, **ROW, "grade": grade}])
    checks = pd.DataFrame(columns=["name", "passed", "severity", "says", "value", "method"])
    return Chapter(
        plan="calls", topic=topic, run="a" * 32, link="http://127.0.0.1:5000/", made="2024-01-01 10:00", known_until="2023-12-31",
        answer="An answer.", grade=grade, sound=True, headline="m", design="randomised", estimates=estimates, checks=checks,
        fingerprint="f" * 64, deals=900, quality=99.0, question={"treatment": "executive_call"},
    )  # type: ignore[arg-type]  # fmt: skip


def edition(*chapters: Chapter) -> Edition:
    """An edition of these chapters, without claims."""
    none = claiming.record(())
    return Edition(
        "A report", "2023Q4", "", "2024-01-01T10:00:00Z", chapters, (), none, none, none, quarterly.calibration(none),
        decisions(chapters), pd.DataFrame(columns=["name", "statement", "verdict", "says", "run"]), pd.DataFrame(columns=["method"]),
    )  # fmt: skip


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory, template_store: Path) -> tuple[Path, Path]:
    """A folder with a report over two quarters, run, claimed and scored."""
    folder = tmp_path_factory.mktemp("quarterly")
    for name, text in (("rates", RATES.format()), ("calls", CALLS.format()), ("report", REPORT)):
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    store = Path(copytree(template_store, folder / "mlruns"))
    settings = load_report(folder / "report.yaml")
    faults = quarterly.go_through(settings, [Quarter.of("2023Q4"), Quarter.of("2024Q1")], store_root=store, port=5000)
    assert faults == []
    return folder, store


@pytest.fixture
def report(workshop: tuple[Path, Path], tmp_path: Path) -> Callable[..., Result]:
    """Write the report from a copy of that store."""
    store = copytree(workshop[1], tmp_path / "mlruns")

    def call(quarter: str, *words: str) -> Result:
        named = ["report", str(workshop[0] / "report.yaml"), "--quarter", quarter, "--store", str(store)]
        return CliRunner().invoke(app, [*named, "--to", str(tmp_path / "report.html"), *words])

    return call


def test_each_number_is_that_of_its_run_and_leads_to_it(report: Callable[..., Result], tmp_path: Path) -> None:
    """What the page says in large type stands in the estimates of the run that its link names."""
    assert report("2024Q1").exit_code == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    store = tracking.open_store(tmp_path / "mlruns")
    found = re.findall(r'<a class="number" href="[^"]*/runs/(\w+)[^"]*" title="run (\w+)">([^<]+)</a>', page)

    assert len(found) >= 5
    for linked, run, text in found:
        estimates = tracking.recorded(store, run).estimates
        shown = float(html.unescape(text).replace("\u2212", "-").split()[0].replace("\u00a0", " ").split()[0])
        assert linked == run
        assert np.isclose(estimates["value"].round(1), shown).any(), (text, run)


def test_the_page_the_record_and_the_ledger_agree(report: Callable[..., Result], tmp_path: Path) -> None:
    """The claims of the page are those of the ledger, and both are kept with the report's run."""
    assert report("2024Q1").exit_code == 0
    claims = claiming.book(tmp_path / "mlruns")
    due = claims[claims["due"] == "2024-03-31"]
    text = words_of((tmp_path / "report.html").read_text(encoding="utf-8"))
    kept = tracking.recorded(tracking.open_store(tmp_path / "mlruns"), "small")

    assert len(due) == 6
    assert "Calibration cards of the methods used here" in text
    assert "no experiment about it is recorded here" in text
    assert (
        f"{(due['verdict'] == 'confirmed').sum()} of {due['verdict'].isin(['confirmed', 'broken']).sum()} claims about 2024Q1 came true"
        in text
    )
    assert kept.metrics["claims/confirmed"] == (claims["verdict"] == "confirmed").sum()
    assert json.loads((kept.folder / "tables/ledger.json").read_text(encoding="utf-8"))


def test_an_earlier_report_does_not_know_what_came_later(report: Callable[..., Result], tmp_path: Path) -> None:
    """The report of 2023Q4 tells of its own runs, and of no claim made after it."""
    assert report("2023Q4").exit_code == 0
    text = words_of((tmp_path / "report.html").read_text(encoding="utf-8"))

    assert "closed in 2023Q4" in text
    assert "No claim was made about 2023Q4" in text
    assert "2024-04-01 to 2024-06-30" not in text


@pytest.mark.parametrize(
    ("quarter", "code", "said"),
    [("2025Q1", 1, "Not made for 2025Q1"), ("2022Q1", 2, "no run that the report could tell of"), ("2024", 2, "such as 2024Q1")],
)
def test_a_quarter_without_runs_is_said(
    report: Callable[..., Result], tmp_path: Path, quarter: str, code: int, said: str
) -> None:
    """An older sound run is told as what it is; without any there is no report; what is no quarter is a mistake."""
    ended = report(quarter)
    page = tmp_path / "report.html"

    assert ended.exit_code == code, ended.output
    assert said in (ended.output + (words_of(page.read_text(encoding="utf-8")) if page.exists() else ""))


def test_a_deleted_artifact_and_a_failed_run_leave_a_gap(
    report: Callable[..., Result], workshop: tuple[Path, Path], tmp_path: Path
) -> None:
    """What is gone is named, and nothing is made up in its place; exit 1."""
    store = tracking.open_store(tmp_path / "mlruns")
    for run in tracking.latest(store, name="calls"):
        (run.folder / "tables/estimates.json").unlink()
    CliRunner().invoke(
        app, ["run", str(workshop[0] / "rates.yaml"), "--set", "question.segments=[nowhere]", "--store", str(tmp_path / "mlruns")]
    )
    ended = report("2024Q1")

    assert ended.exit_code == 1
    assert "calls: a run is recorded whose estimates are gone" in ended.output
    assert "rates: its latest run failed" in ended.output
    assert "closed in 2024Q1" in words_of((tmp_path / "report.html").read_text(encoding="utf-8"))


def test_a_mistake_in_its_config_is_one_message(workshop: tuple[Path, Path], tmp_path: Path) -> None:
    """All faults at once, with their lines; a report is no plan, and a plan is no report."""
    path = workshop[0] / "typo.yaml"
    path.write_text("report: x\ntitel: y\nplans: [{plan: nowhere.yaml}]\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_report(path)
    assert len(caught.value.faults) >= 3

    store = str(tmp_path / "mlruns")
    ended = CliRunner().invoke(app, ["run", str(workshop[0] / "report.yaml"), "--store", store])
    assert (ended.exit_code, "run whywin report" in ended.output.replace("\n", " ")) == (2, True)
    ended = CliRunner().invoke(app, ["report", str(workshop[0] / "rates.yaml"), "--store", store])
    assert (ended.exit_code, "no config of a report" in ended.output) == (2, True)


@pytest.mark.parametrize("grade", list("ABCDE"))
def test_words_follow_the_grade(grade: str) -> None:
    """Only grade A says that something causes, only B that it very likely does: in decisions and in the appendix's own words."""
    made = edition(chapter(grade=grade))
    text = words_of(quarterly_page(made).partition('id="h-methods"')[0])
    allowed = {"A": {"causes"}, "B": {"very likely causes"}, "C": {"probably changes"}}.get(grade, set())

    for word in WORDING.values():
        if word in {"is", "is associated with"}:
            continue
        alone = re.sub("very likely causes", "", text) if word == "causes" else text
        assert (word in alone) == (word in allowed), (grade, word)


def test_only_what_is_founded_is_decided() -> None:
    """Grades D and E, intervals with nought, and unsound runs lead to no action."""
    assert len(decisions((chapter(),))) == 1
    assert decisions((chapter(grade="D"),)) == ()
    assert decisions((chapter(low=-1.0),)) == ()
    assert decisions((replace(chapter(), sound=False),)) == ()


def test_what_harms_is_to_be_stopped() -> None:
    """An effect below nought promises the wins that it costs."""
    (one,) = decisions((chapter(low=-9.0, high=-3.0),))

    assert one.action.startswith("Stop using executive call")
    assert (one.wins, one.low, one.high) == (6.0, 3.0, 9.0)


def test_at_most_three_the_best_founded_first() -> None:
    """Grade before size."""
    many = (chapter(grade="C", low=8, high=12), chapter(grade="A"), chapter(grade="B"), chapter(grade="C"))

    assert [one.grade for one in decisions(many)] == ["A", "B", "C"]
    assert decisions(many)[2].wins == 10.0


def test_moving_effort_is_named_only_when_it_is_more_than_noise() -> None:
    """Posterior rates that overlap lead to nothing; apart, the gain is that of as many deals, with their noise."""
    rng = np.random.default_rng(1)
    low, high = rng.normal(0.3, 0.02, 4000), rng.normal(0.5, 0.02, 4000)
    rates = chapter("winrates", "E")

    assert move(rates, "region", "West", "North", (low, low + rng.normal(0, 0.02, 4000)), 50, rng) is None
    found = move(rates, "region", "West", "North", (low, high), 50, rng)
    assert found is not None
    assert found.wins == pytest.approx(10, abs=0.5)
    assert found.high - found.low == pytest.approx(2 * 1.2816 * np.sqrt(50 * (0.21 + 0.25)), rel=0.15)


def test_ends_are_told_only_where_segments_differ() -> None:
    """No pair from segments that do not differ detectably."""
    table = pd.DataFrame(
        {"dimension": "region", "level": ["N", "S", "E"], "different": [True, False, False], "pooled": [50.0, 40.0, 45.0]}
    )

    assert ends(table, "region") == ("S", "N")
    assert ends(table.assign(different=False), "region") is None
    assert ends(pd.DataFrame(), "region") is None


def test_nothing_to_decide_is_said() -> None:
    """A report without an effect says so in place of a list."""
    text = words_of(quarterly_page(edition(chapter(low=-3.0, high=3.0))))

    assert "Nothing. No change, no segment and no effect in these numbers is more than noise" in text


def test_a_quarter_fills_in_its_own_values() -> None:
    """The first quarter follows the last of the year before."""
    assert Quarter.of("2024q1").filled("[{quarter}] [{previous}] {start} {end}") == "[2024Q1] [2023Q4] 2024-01-01 2024-03-31"
    for text in ("2024", "2024Q5", "Q1 2024", "20240Q1"):
        with pytest.raises(ConfigError):
            Quarter.of(text)


def test_the_pdf_has_pages_and_colours(report: Callable[..., Result], tmp_path: Path) -> None:
    """The same template is printed, with the colours of paper in place of properties that WeasyPrint does not know."""
    pytest.importorskip("weasyprint", reason="weasyprint's system libraries are not here", exc_type=(ImportError, OSError))
    assert report("2024Q1", "--pdf").exit_code == 0
    content = (tmp_path / "report.pdf").read_bytes()

    assert content.startswith(b"%PDF")
    assert len(content) > 20_000


def test_without_weasyprint_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The HTML is written all the same."""
    monkeypatch.setitem(__import__("sys").modules, "weasyprint", None)
    content, says = as_pdf("<p>x</p>")

    assert content is None
    assert "whywin[pdf]" in says
