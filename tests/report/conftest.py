"""Runs of each kind, made by hand, so that a page can be looked at without any method."""

from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from whywin.deals.contract import Contract
from whywin.deals.read import keep_contract
from whywin.deals.table import Deals
from whywin.effects.question import Effect
from whywin.evidence import Check, Estimate, Evidence
from whywin.plan import Plan
from whywin.report.numerals import clean
from whywin.studies import Run, study
from whywin.trials.question import Trial
from whywin.winrates.methods.observed import Observed
from whywin.winrates.question import WinRates

VOID = {"meta", "link", "img", "br", "hr", "input"}
DESIGNS = {WinRates: "description", Effect: "adjusted", Trial: "randomised"}
VERSIONS = {"whywin": "0.1.0", "numpy": "2.3.5", "pymc": "6.3.0"}
HOSTILE = (
    "<script>alert(1)</script>", "$x$ and $\\frac{1}{2$", "two\nlines", "a & b \"quoted\" 'twice'", "]]>--><svg onload=alert(1)>",
    "{{ 7 * 7 }}", "\x00\x07control", "\u202eright to left", "東京 営業", "x" * 120,
)  # fmt: skip


def deals(levels: dict[str, list[str]], count: int = 1200, bad: int = 3) -> pd.DataFrame:
    """A CRM's table with columns of these levels, dates over six quarters, and some rows that break the contract."""
    rng = np.random.default_rng(7)
    created = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 540, count), unit="D")
    frame = pd.DataFrame({"deal_id": [f"D{n}" for n in range(count)], "created": created})
    frame["closed"] = frame["created"] + pd.to_timedelta(rng.integers(5, 60, count), unit="D")
    frame["amount"] = rng.lognormal(9, 0.6, count).round(2)
    for place, (name, labels) in enumerate(levels.items()):
        frame[name] = np.array(labels, dtype=object)[
            rng.integers(0, len(labels), count) if place else np.arange(count) % len(labels)
        ]
    frame["outcome"] = np.where(rng.random(count) < 0.45, "won", "lost")
    frame.loc[: bad - 1, "outcome"] = "maybe"
    return frame


def kept(frame: pd.DataFrame) -> Deals:
    """The table held to the contract, a few bad rows left out."""
    return keep_contract(frame, Contract(max_bad_share=0.5))


def run_of(question: Any, evidence: dict[str, Evidence], **changes: Any) -> Run:
    """A run whose evidence is given."""
    plan = Plan(
        name=changes.pop("name", "quarterly look"),
        question=question,
        methods=dict.fromkeys(evidence, SimpleNamespace(design=DESIGNS[type(question)])),  # the page shows labels only
        description="What the leaders asked for in spring.",
        seed=3,
    )
    table = changes.pop("deals", None) or kept(deals({"region": ["North", "South"]}))
    signed = {label: one.signed(label) for label, one in evidence.items()}
    return Run(**{
        "plan": plan, "evidence": signed, "checks": (), "grades": dict.fromkeys(evidence, "C"),
        "answer": "The answer in one sentence.", "deals": table, "versions": VERSIONS, **changes,
    })  # fmt: skip


def observed(levels: dict[str, list[str]] | None = None, **asked: Any) -> Run:
    """A run of the plainest method over a hand-made table."""
    levels = levels or {"region": ["North", "South", "East", "West"], "industry": ["FinTech", "SaaS", "EdTech"]}
    question = WinRates(
        tuple(name for name in levels if name != "rep"), rep="rep" if "rep" in levels else None, time="created", **asked
    )
    plan = Plan("where we win", question, {"observed": Observed()}, deals=Contract(max_bad_share=0.5), seed=3)
    return study(plan, deals(levels))


def pooled(levels: dict[str, list[str]] | None = None, *, different: int = 2, **changes: Any) -> Run:
    """A run of win rates as a hierarchical model gives it: shrunken rates, a table of segments, the truth beside it."""
    base = observed(levels, baseline=("2023Q3",), current=("2023Q4",))
    whole = base.headline.of("win rate")
    estimates = [whole, *(e for e in base.headline.estimates if e.quantity == "change in win rate")]
    rows = []
    for one in base.headline.estimates:
        if one.quantity != "win rate" or one.segment == "all":
            continue
        middle = whole.value + 0.4 * (one.value - whole.value)
        half = 0.7 * (one.high - one.low) / 2
        pulled = replace(one, value=middle, low=middle - half, high=middle + half)
        estimates.append(pulled)
        dimension, _, level = one.segment.partition("=")
        rows.append((
            dimension, level, one.n, one.value, middle, pulled.low, pulled.high, 0.6, 0.0123, 0.98, len(rows) < different
        ))  # fmt: skip
    names = ["dimension", "level", "deals", "raw", "pooled", "low", "high", "drawn_in", "p_below", "p_above", "different"]
    tables = {
        "segments": pd.DataFrame(rows, columns=names),
        "variation": pd.DataFrame({"term": ["region"], "between_sd": [2.345], "low": [0.1], "high": [5.2], "level": [0.95]}),
        "something_new": pd.DataFrame({"a": [1, 2], "b": [0.123456, np.nan], "c": ["x", None]}),
    }
    checks = (
        Check("convergence", passed=True, severity="serious", says="The chains agree: R-hat at most 1.004.", value=1.0),
        Check("thin_levels", passed=False, severity="note", says="2 of 13 levels have fewer than 30 closed deals.", value=2.0),
    )
    truth = pd.DataFrame(
        [(e.quantity, e.segment, e.value + 1.0, e.unit) for e in estimates], columns=["quantity", "segment", "value", "unit"]
    )
    evidence = {"hierarchical": Evidence(tuple(estimates), checks, tables), "observed": base.headline}
    answer = f"2 of {len(rows)} segments differ from the company's win rate of 45.3 % (42.1 to 48.5 %, 1,197 closed deals)."
    defaults = {"truth": truth, "grades": {"hierarchical": "E", "observed": "E"}, "answer": answer, "deals": base.deals}
    return run_of(base.plan.question, evidence, **(defaults | changes))


def effect(**changes: Any) -> Run:
    """A run of an intervention's effect by three methods, with balance and overlap."""
    names = ["amount", "engagement_score", "champion", "industry=FinTech", "region=North America", "rep tenure in years"]
    balance = pd.DataFrame(
        {
            "covariate": names,
            "smd_before": [0.05, 0.62, 0.41, -0.18, 0.12, -0.3],
            "smd_after": [0.01, 0.13, 0.02, -0.04, 0.03, 0.0],
        }
    )
    edges = np.linspace(0, 1, 21)
    overlap = pd.DataFrame({
        "low": edges[:-1], "high": edges[1:],
        "treated": np.round(300 * np.exp(-((edges[:-1] - 0.55) ** 2) / 0.05)), "untreated": np.round(700 * np.exp(-((edges[:-1] - 0.3) ** 2) / 0.03)),
    })  # fmt: skip
    quantity = "effect on the treated"
    matching = Evidence(
        (Estimate(quantity, "all", 6.2, 1.1, 11.3, 0.95, 1197, "points"), Estimate(quantity, "region=North", 4.0, -3.0, 11.0, 0.95, 600, "points")),
        (
            Check("balance", passed=True, severity="serious", says="The largest standardised difference after matching is 0.13.", value=0.13),
            Check("placebo", passed=True, severity="fatal", says="A made-up treatment changes nothing: 0.3 points.", value=0.3),
        ),
        {"balance": balance, "overlap": overlap},
    )  # fmt: skip
    plain = Evidence(
        (Estimate(quantity, "all", 11.8, 7.9, 15.7, 0.95, 1197, "points"),),
        (
            Check(
                "confounding", passed=False, severity="serious", says="Treated deals were more promising beforehand.", value=0.62
            ),
        ),
    )
    evidence = {
        "matching": matching,
        "dowhy": Evidence((Estimate(quantity, "all", 5.4, 0.2, 10.6, 0.95, 1197, "points"),)),
        "difference": plain,
    }
    truth = pd.DataFrame([(quantity, "all", 5.0, "points")], columns=["quantity", "segment", "value", "unit"])
    answer = "An executive call probably changes the win rate of the deals that got one by +6.2 points (+1.1 to +11.3)."
    defaults = {"truth": truth, "grades": {"matching": "C", "dowhy": "C", "difference": "D"}, "answer": answer}
    return run_of(Effect("executive_call", ("amount",)), evidence, **(defaults | changes))


def trial(reps: int = 40, **changes: Any) -> Run:
    """A run of a trial by the right method and the usual wrong one, with its reps."""
    rng = np.random.default_rng(5)
    arms = np.where(np.arange(reps) % 2, "alert", "control")
    rates = np.clip(rng.normal(np.where(arms == "alert", 48, 42), 8), 0, 100)
    units = pd.DataFrame(
        {"unit": [f"rep {n}" for n in range(reps)], "arm": arms, "deals": rng.integers(8, 60, reps), "rate": rates}
    )
    arm_rows = pd.DataFrame(
        {
            "arm": ["control", "alert"],
            "units": [20, 20],
            "deals": [700, 720],
            "degrees": [17.2, 33.4],
            "p_value": [np.nan, 0.0321],
        }
    )
    right = Evidence(
        (
            Estimate("effect of assignment", "arm=alert", 5.6, 0.5, 10.7, 0.95, 1420, "points"),
            Estimate("win rate", "arm=control", 42.3, 38.4, 46.2, 0.95, 700, "percent"),
            Estimate("win rate", "arm=alert", 47.9, 44.0, 51.8, 0.95, 720, "percent"),
        ),
        (Check("few_units", passed=True, severity="serious", says="40 reps were randomised.", value=40.0),),
        {"arms": arm_rows, "reps": units},
    )
    wrong = Evidence(
        (Estimate("effect of assignment", "arm=alert", 5.6, 1.9, 9.3, 0.95, 1420, "points"),),
        (
            Check(
                "unit_of_analysis",
                passed=False,
                severity="serious",
                says="Reps were randomised, but deals were analysed.",
                value=1.0,
            ),
        ),
    )
    checks = (Check("sample_ratio", passed=True, severity="fatal", says="20 and 20 reps, as planned.", value=0.9),)
    answer = "Assignment to alert causes a change in the win rate of +5.6 points (95 % interval +0.5 to +10.7)."
    defaults = {"checks": checks, "grades": {"fixed": "A", "deals_as_units": "D"}, "answer": answer}
    return run_of(Trial("arm", "control", "rep"), {"fixed": right, "deals_as_units": wrong}, **(defaults | changes))


def unsound(**changes: Any) -> Run:
    """A run that must not be believed: a placebo that moves, a balance that is not there, and a required check that did not run."""
    run = effect()
    failed = (
        Check(
            "placebo", passed=False, severity="fatal", says="A made-up treatment changes the win rate by 4.1 points.", value=4.1
        ),
        Check("balance", passed=False, severity="serious", says="engagement_score stays 0.31 apart.", value=0.31),
    )
    evidence = {**run.evidence, "matching": replace(run.evidence["matching"], checks=failed).signed("matching")}
    return replace(run, **({"evidence": evidence, "grades": {**run.grades, "matching": "D"}} | changes))


def hostile() -> Run:
    """A run in which everything that comes from data is an attack or a nuisance."""
    labels = list(HOSTILE)
    run = pooled({"region": labels, "<img src=x onerror=alert(1)>": labels[:4]})
    script = "<script>window.broken=1</script>"
    checks = (Check(script, passed=False, severity="serious", says=f"{script} <b>bold</b> $x$", value=1.0),)
    plan = replace(run.plan, name=script, description=script)
    return replace(run, checks=checks, answer=f"{script} & $x$ is the answer", plan=plan)


class Tree(HTMLParser):
    """The elements of a page in order, with their text, and whether each was closed where it should be."""

    def __init__(self, page: str) -> None:
        """Read the whole page."""
        super().__init__()
        self.open: list[dict] = []
        self.all: list[dict] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list) -> None:
        """Note an element."""
        element = {"tag": tag, "text": "", **{name: value or "" for name, value in attrs}}
        self.all.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        """Note an element that closes itself, as SVG's do."""
        self.all.append({"tag": tag, "text": "", **{name: value or "" for name, value in attrs}})

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost element, which must have this name."""
        assert self.open, tag
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data: str) -> None:
        """Add text to every open element."""
        for element in self.open:
            element["text"] += data

    def of(self, *tags: str) -> list[dict]:
        """The elements with one of these names."""
        return [element for element in self.all if element["tag"] in tags]


def words(text: str) -> str:
    """A text with single spaces."""
    return " ".join(text.replace("\xa0", " ").split())


@pytest.fixture(scope="session")
def runs() -> SimpleNamespace:
    """The makers of runs by name, and what reads their pages."""
    return SimpleNamespace(
        observed=observed, pooled=pooled, effect=effect, trial=trial, unsound=unsound, hostile=hostile, run_of=run_of,
        labels=HOSTILE, clean=clean, tree=Tree, words=words,
    )  # fmt: skip


@pytest.fixture(scope="session")
def page_of() -> Callable[[Run], str]:
    """The page of a run with a plan, a command and a foot."""
    from whywin import report

    def made(run: Run, **changes: Any) -> str:
        recorded = {
            "Run": "3f2a9c", "Git commit": "06b3bb2", "Made": "2026-11-21 04:30 UTC",
            "MLflow": "http://127.0.0.1:5000/?workflowType=machine_learning#/experiments/1/runs/3f2a9c",
        }  # fmt: skip
        given = {
            "plan_text": "name: where we win\nquestion:\n  kind: winrates\n  segments: [region]\n",
            "repeat": "whywin run configs/winrates/demo.yaml --set seed=3",
            "recorded": recorded,
        }
        return report.page(run, **(given | changes))

    return made
