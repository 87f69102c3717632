"""Figures of runs: what they show, that they are the same each time, and that data stay text in them."""

import re
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from whywin import report
from whywin.errors import QuestionError
from whywin.evidence import Estimate, Evidence
from whywin.report.canvas import fitted, text_width
from whywin.report.effect_pictures import histogram
from whywin.report.forest import Row
from whywin.report.palette import DARK, LIGHT, as_variable
from whywin.report.picture import split
from whywin.report.rate_pictures import most_notable
from whywin.report.svg import _declared
from whywin.report.trial_pictures import stacked
from whywin.trials.question import Trial

EXPECTED = {
    "observed": ["segments", "periods"],
    "pooled": ["segments", "periods", "changes"],
    "effect": ["methods", "balance", "overlap", "effects_by_segment"],
    "trial": ["methods", "reps"],
}


def parsed(svg: str) -> ET.Element:
    """A picture as elements; it fails when it is not well-formed."""
    return ET.fromstring(svg)  # noqa: S314 - our own text


def texts(svg: str) -> list[str]:
    """The texts of a picture."""
    return ["".join(element.itertext()) for element in parsed(svg).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("kind", EXPECTED)
def test_each_kind_has_its_figures(kind: str, runs: SimpleNamespace) -> None:
    """The figures of a kind by name, the answer's first; each is well-formed, small, and the same when drawn again."""
    run = getattr(runs, kind)()
    drawn = report.figures(run)

    assert list(drawn) == EXPECTED[kind]
    assert drawn == report.figures(run)
    for svg in drawn.values():
        assert parsed(svg).attrib["role"] == "img"
        assert len(svg) < 40_000
        assert not re.search(r"20\d\d-\d\d-\d\dT|https?://(?!www\.w3\.org/2000/svg)", svg)


@pytest.mark.parametrize("kind", EXPECTED)
def test_every_colour_follows_the_scheme(kind: str, runs: SimpleNamespace) -> None:
    """Each colour that is drawn is one of the palette's properties, so that dark mode changes all of them."""
    for svg in report.figures(getattr(runs, kind)()).values():
        styles = " ".join(element.get("style", "") for element in parsed(svg).iter())

        bare = re.findall(r"(?:fill|stroke):\s*(#[0-9a-f]+)", styles)
        assert bare == []
        assert "var(--ink" in styles
        assert DARK["ink"] in svg


def test_plot_gives_a_figure_that_no_window_knows_of(runs: SimpleNamespace) -> None:
    """A notebook gets the answer's figure, and matplotlib's global state is as it was."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    before = dict(mpl.rcParams)
    figure = report.plot(runs.pooled())

    assert isinstance(figure, Figure)
    assert {text.get_text() for text in figure.axes[0].texts} >= {"North", "region", "industry"}
    assert dict(mpl.rcParams) == before
    assert "matplotlib.pyplot" not in vars(mpl)


def test_nothing_to_plot_says_so(runs: SimpleNamespace) -> None:
    """Without an estimate there is no figure, and the error says what to look at."""
    run = runs.run_of(Trial("arm", "control", "rep"), {"fixed": Evidence(())})

    with pytest.raises(QuestionError, match="nothing to draw"):
        report.plot(run)


def test_names_in_figures_are_text(runs: SimpleNamespace) -> None:
    """No formula is set, no markup is read, and a newline is a space."""
    svg = report.figures(runs.hostile())["segments"]
    shown = texts(svg)

    assert {"<script>alert(1)</script>", "$x$ and $\\frac{1}{2$", "two lines", "control"} <= set(shown)
    assert any(text.endswith("…") and text.startswith("xxx") for text in shown)
    assert "<script" not in svg
    assert not {element.tag for element in parsed(svg).iter() if element.tag.endswith(("script", "image", "foreignObject"))}


def test_a_figure_says_its_finding(runs: SimpleNamespace) -> None:
    """The title names the finding with its numbers; the description says the extremes."""
    drawn = {
        name: parsed(svg) for run in (runs.pooled(), runs.effect(), runs.trial()) for name, svg in report.figures(run).items()
    }
    title = {name: root.find("{*}title").text for name, root in drawn.items()}
    says = {name: root.find("{*}desc").text for name, root in drawn.items()}

    assert title["segments"] == "2 of 7 segments differ detectably from the company, periods apart"
    assert title["balance"] == "The largest imbalance goes from 0.62 to 0.13"
    assert title["reps"] == "The win rate of 40 reps by arm"
    assert "Highest is " in says["segments"]
    assert "control: 20 units from " in says["reps"].replace("\xa0", " ")


def test_no_difference_is_a_finding(runs: SimpleNamespace) -> None:
    """Where no segment differs the title says so, and no row is made to stand out."""
    svg = report.figures(runs.pooled(different=0))["segments"]

    assert parsed(svg).find("{*}title").text.startswith("No segment differs detectably")
    assert f"stroke:{as_variable(LIGHT['accent'])}" not in svg


def row(name: str, value: float, half: float, *, strong: bool = False) -> Row:
    """A row of a forest."""
    return Row(name, Estimate("win rate", f"rep={name}", value, value - half, value + half, 0.95, 10, "percent"), strong)


def test_the_most_notable_rows_are_chosen() -> None:
    """Those that differ come first, then those furthest off for their interval; the order stays."""
    rows = [row("a", 50, 5), row("b", 60, 30), row("c", 55, 1), row("d", 51, 9, strong=True)]

    assert [one.label for one in most_notable(rows, 50.0, 2)] == ["c", "d"]
    assert most_notable(rows, None, 3) == rows[:3]
    assert most_notable(rows, 50.0, 9) == rows


def test_a_segment_is_split_by_the_names_of_the_question() -> None:
    """A column or a level with an equals sign in its name is not cut there."""
    assert split("region=North") == ("region", "North")
    assert split("a=b=c=d", ("a=b", "a")) == ("a=b", "c=d")
    assert split("region=x=y", ("region",)) == ("region", "x=y")


def test_labels_are_cut_to_their_room() -> None:
    """A long label ends in an ellipsis within its room; wide signs take more room than narrow ones."""
    assert fitted("North", 200) == "North"
    short = fitted("W" * 90, 100)
    assert short.endswith("…")
    assert text_width(short) <= 100
    assert text_width("東京") > text_width("to")
    assert text_width("e\u0301") == text_width("e")
    assert fitted("", 50) == "(empty)"


def test_dots_do_not_hide_one_another() -> None:
    """Neighbours are moved apart while there is room; far ones stay on the line."""
    lift = stacked(np.array([0.0, 1.0, 2.0, 100.0]))

    assert lift[0] == lift[3] == 0
    assert len(set(lift[:3])) == 3
    assert len(stacked(np.zeros(500))) == 500


def test_an_overlap_is_read_in_two_forms() -> None:
    """Counts by bin, or one score a deal; anything else is no histogram."""
    bins = pd.DataFrame({"low": [0.0, 0.5], "high": [0.5, 1.0], "treated": [1, 2], "untreated": [3, 4]})
    scores = pd.DataFrame({"score": [0.1, 0.2, 0.9, np.nan], "treated": [0, 0, 1, 1]})

    edges, treated, others = histogram(bins)
    assert edges.tolist() == [0, 0.5, 1]
    assert (treated.tolist(), others.tolist()) == ([1, 2], [3, 4])
    _, treated, others = histogram(scores)
    assert (treated.sum(), others.sum()) == (1, 2)
    wide = bins.rename(columns={"low": "from", "high": "to", "untreated": "controls"})
    assert [part.tolist() for part in histogram(wide)] == [[0, 0.5, 1], [1, 2], [3, 4]]
    assert histogram(pd.DataFrame({"x": [1]})) is None
    assert histogram(bins.assign(low=np.nan)) is None
    assert histogram(scores.assign(score=np.nan)) is None


def test_the_balance_of_matching_is_drawn(runs: SimpleNamespace) -> None:
    """Among the columns of a full balance table the standardised differences are the ones that are drawn."""
    full = pd.DataFrame({
        "covariate": ["amount", "champion"], "treated_before": [900.0, 0.5], "controls_before": [800.0, 0.4], "smd_before": [-0.5, 0.2],
        "variance_ratio_before": [1.2, 1.0], "ks_before": [0.3, 0.1], "treated_after": [900.0, 0.5], "controls_after": [890.0, 0.5],
        "smd_after": [-0.05, 0.01], "variance_ratio_after": [1.1, 1.0], "ks_after": [0.1, 0.0],
    })  # fmt: skip
    run = runs.effect()
    again = runs.run_of(run.plan.question, {"matching": Evidence(run.headline.estimates, tables={"balance": full})})

    assert parsed(report.figures(again)["balance"]).find("{*}title").text == "The largest imbalance goes from 0.50 to 0.05"


def test_tables_that_cannot_be_drawn_are_left_to_the_tables(runs: SimpleNamespace) -> None:
    """A balance without numbers, an overlap of one group and reps without deals give no figure, and no error."""
    run = runs.effect()
    odd = {
        "balance": pd.DataFrame({"covariate": ["a"], "smd_before": ["?"], "smd_after": [0.1]}),
        "overlap": pd.DataFrame({"score": [0.1, 0.2], "treated": [1, 1]}),
    }
    trial = runs.trial()
    empty = trial.headline.tables["reps"].assign(deals=0)

    bare = runs.run_of(run.plan.question, {"matching": Evidence(run.headline.estimates, tables=odd)})
    assert list(report.figures(bare)) == ["methods", "effects_by_segment"]
    for reps in (empty, empty.drop(columns="rate")):
        again = runs.run_of(trial.plan.question, {"fixed": Evidence(trial.headline.estimates, tables={"reps": reps})})
        assert list(report.figures(again)) == ["methods"]


def test_a_trial_of_another_metric_keeps_its_unit(runs: SimpleNamespace) -> None:
    """Days are written as days, on the axis and in words."""
    estimates = (
        Estimate("effect of assignment", "arm=alert", -3.0, -6.0, 0.5, 0.95, 400, "days"),
        Estimate("mean of cycle_days", "arm=control", 40.0, 36.0, 44.0, 0.95, 200, "days"),
    )
    reps = pd.DataFrame(
        {"unit": list("abcd"), "arm": ["control", "alert"] * 2, "deals": [9, 9, 9, 9], "rate": [41.0, 37.0, 39.0, 38.0]}
    )
    drawn = report.figures(
        runs.run_of(Trial("arm", "control", "rep", "cycle_days"), {"fixed": Evidence(estimates, tables={"reps": reps})})
    )

    assert "40.0\xa0days" in texts(drawn["reps"])
    assert "cycle_days of 4 reps" in parsed(drawn["reps"]).find("{*}title").text
    assert "−3.00\xa0days" in parsed(drawn["methods"]).find("{*}title").text


def test_letters_come_from_the_reader() -> None:
    """However matplotlib writes a font, only its size and weight stay, so that the reader's own letters are used."""
    assert _declared("font", "700 12px 'DejaVu Sans', sans-serif") == "font-size:12px;font-weight:600"
    assert _declared("font", "11.5px 'DejaVu Sans'") == "font-size:11.5px"
    assert _declared("font-family", "'DejaVu Sans'") == ""
    assert _declared("fill", LIGHT["ink"]) == f"fill:var(--ink,{LIGHT['ink']})"


def test_many_covariates_are_cut_to_the_largest(runs: SimpleNamespace) -> None:
    """Of a hundred columns the love plot shows the two dozen furthest apart before, and says so."""
    wide = pd.DataFrame({"covariate": [f"c{n}" for n in range(100)], "smd_before": np.linspace(0, 1, 100), "smd_after": 0.0})
    run = runs.effect()
    svg = report.figures(runs.run_of(run.plan.question, {"m": Evidence(run.headline.estimates, tables={"balance": wide})}))[
        "balance"
    ]

    assert {f"c{n}" for n in range(76, 100)} == {text for text in texts(svg) if text.startswith("c")}
    assert "The 24 largest before of 100" in parsed(svg).find("{*}desc").text
