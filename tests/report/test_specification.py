"""The specification curve: its order, its sentence, its table, its picture and its page."""

import pytest

from whywin.evidence import Estimate
from whywin.report.specification import Specification, by_choice, curve_of, sentence, table
from whywin.report.specification_page import sweep_figures, sweep_page


def one(number, value, half=1.0, *, quantity="effect", unit="points", choices=None, **rest):
    """A specification with one estimate."""
    estimate = Estimate(quantity, "all", value, value - half, value + half, 0.95, 100, unit, "matching")
    return Specification(number, choices or {"days": str(number % 2)}, (estimate,), "C", run=f"{number:032x}", **rest)


def drawn(curve):
    """The page of a curve."""
    return sweep_page(curve, text="name: x", repeat="whywin run x.yaml", recorded={"Run": "abc"})


def test_the_curve_is_in_order_of_the_estimates():
    """Lowest first; specifications that estimate something else, or nothing, stand outside the curve and in the table."""
    found = [
        one(1, 3.0), one(2, -2.0), one(3, 1.0), one(4, 9.0, quantity="value of the policy"),
        Specification(5, {"days": "1"}, failure="no deals"),
    ]  # fmt: skip
    curve = curve_of("x", "", found)

    assert [place.specification.number for place in curve.places] == [2, 3, 1]
    assert table(curve)["specification"].tolist() == [2, 3, 1, 4, 5]
    assert table(curve)["failure"].tolist()[-1] == "no deals"
    assert (curve.failed, curve.sound) == (1, 4)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ([one(1, 6.0), one(2, 11.0), one(3, 0.5)], "Of 3 specifications 2 have an interval above nought; the estimate (effect) ranges from +0.5 to +11.0"),
        ([one(1, 6.0), one(2, 11.0)], "Of 2 specifications every one has an interval above nought; "),
        ([one(1, -6.0), one(2, 11.0)], "Of 2 specifications 1 has an interval above nought and 1 has an interval below nought; "),
        ([one(1, 0.5), one(2, -0.5)], "Of 2 specifications none has an interval that leaves out nought; "),
        ([one(1, 40.0, unit="percent")], "Over 1 specification the estimate (effect) ranges from 40.0 to 40.0\u00a0%"),
        ([one(1, 6.0, undone=("balance",)), Specification(2, {})], "1 of them has a failed check that undoes the answer"),
        ([one(1, 6.0), Specification(2, {}, failure="x")], "1 has no answer."),
        ([Specification(2, {}, failure="x")], "No specification has an answer: 1 specification failed."),
    ],
)  # fmt: skip
def test_the_sentence_counts_what_there_is(found, says):
    """Intervals off nought, the range, what is not sound and what failed are counted; rates have no nought to be off."""
    assert says in sentence(curve_of("x", "", found))


def test_each_choice_is_summed_up():
    """What the estimates are under a choice is told by its lowest, median and highest; a key without a choice is left out."""
    found = [one(n, float(n), choices={"days": str(n % 2), "same": "a"}) for n in range(1, 5)]
    rows = by_choice(curve_of("x", "", found)).set_index("choice")

    assert set(rows["key"]) == {"days"}
    assert rows.loc["1", ["lowest", "median", "highest", "specifications"]].tolist() == [1.0, 2.0, 3.0, 2]


def test_the_picture_has_a_row_for_each_choice_and_each_failed_check():
    """Every choice and every check that failed stands as a row below the curve; the same curve gives the same bytes."""
    found = [one(1, 3.0, choices={"a.days": "seven"}), one(2, 4.0, choices={"a.days": "ten"}, undone=("balance",))]
    curve = curve_of("x", "", found)
    svg = sweep_figures(curve)["specifications"]

    assert all(f">{word}<" in svg for word in ("days", "seven", "ten", "checks that failed", "balance"))
    assert sweep_figures(curve) == {"specifications": svg}
    assert "checks that failed" not in sweep_figures(curve_of("x", "", found[:1]))["specifications"]


def test_the_page_shows_every_specification_as_text():
    """Names from a config are text on the page, and each specification has its row with a link to its run."""
    hostile = "<script>alert(1)</script>"
    link = "http://127.0.0.1:5000/#/experiments/1/runs/2"
    found = [one(1, 3.0, choices={"x": hostile}, link=link), Specification(2, {"x": "b"}, failure=hostile)]
    page = drawn(curve_of(hostile, hostile, found))

    assert hostile not in page
    assert page.count("&lt;script&gt;") >= 4
    assert f'<a href="{link}"' in page
    assert "Not all sound" in page


def test_a_sweep_without_an_answer_still_has_a_page():
    """Where every plan failed, the page says so and why."""
    page = drawn(curve_of("x", "", [Specification(1, {"x": "a"}, failure="no deals at all")]))

    assert "no deals at all" in page
    assert "No specification has an answer" in page
    assert sweep_figures(curve_of("x", "", [Specification(1, {})])) == {}
