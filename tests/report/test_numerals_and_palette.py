"""How numbers are written, how tables are read, and whether the colours can be."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whywin.evidence import Check
from whywin.report import numerals
from whywin.report.palette import DARK, LIGHT, as_variable, declarations, style_sheet
from whywin.report.tables import view_of
from whywin.report.words import consequence, known, purpose, result


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (45.34, "percent", "45.3 %"), (5.25, "points", "+5.2 points"), (-0.04, "points", "0.0 points"), (-3.0, "points", "−3.0 points"),
        (1234.4, "deals", "1,234 deals"), (12.3456, "days", "12.3 days"), (math.nan, "percent", "–"), (math.inf, "points", "+∞ points"),
        (0.012345, "number", "0.0123"),
    ],
)  # fmt: skip
def test_a_number_is_written_in_its_unit(value: float, unit: str, text: str) -> None:
    """Percent and points with one decimal, points signed, nought without a sign, a typographic minus."""
    assert numerals.in_unit(value, unit).replace("\xa0", " ") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0001, "< 0.001"),
        (0.0, "< 0.001"),
        (0.0321, "0.032"),
        (0.25, "0.25"),
        (0.9999, "> 0.999"),
        (0.995, "0.995"),
        (math.nan, "–"),
    ],
)
def test_a_probability_is_never_flat(value: float, text: str) -> None:
    """Small and large ones say that they are beyond a bound; none is shown as 0 or 1."""
    assert numerals.probability(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.00"), (1234.5, "1,234"), (0.000012, "1.20e−5"), (-2.5, "−2.50"), (3e15, "3.00e+15"), (math.inf, "∞")],
)
def test_an_unknown_number_has_three_digits(value: float, text: str) -> None:
    """Three significant digits, in full where that is short."""
    assert numerals.significant(value).replace("e−05", "e−5") == text


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e9, max_value=1e9))
def test_no_number_carries_a_hyphen(value: float) -> None:
    """Every way of writing uses the minus sign, and reads back to the rounded value."""
    text = numerals.decimal(value, signed=True)

    assert "-" not in text + numerals.significant(value) + numerals.plain(value)
    assert float(text.replace("−", "-").replace(",", "")) == pytest.approx(value, abs=0.0500001)


def test_cells_of_unknown_tables_are_plain() -> None:
    """Truth values are words, whole numbers whole, nothing a dash, and text itself."""
    cells = [True, np.zeros(1, bool)[0], 12345, np.float64(0.12345), None, pd.NA, pd.NaT, "x", (1, 2)]

    assert [numerals.plain(cell) for cell in cells] == ["yes", "no", "12,345", "0.123", "–", "–", "–", "x", "(1, 2)"]


def test_labels_are_one_clean_line() -> None:
    """Newlines are spaces, control characters and turns of direction are gone, long labels are cut."""
    assert numerals.one_line("a\n b\x00\u202e") == "a b"
    assert numerals.one_line("abcdef", 4) == "abc…"
    assert numerals.one_line(" ") == "(empty)"


def test_columns_are_written_as_their_names_tell() -> None:
    """Shares as percent, probabilities as such, standardised differences signed, an interval from its ends, pairs of headings joined."""
    frame = pd.DataFrame({
        "level": ["a"], "deals": [1200], "low": [1.0], "high": [2.25], "drawn_in": [0.567], "p_value": [0.0004], "smd_after": [-0.123],
        "different": [True], "other": [np.nan], "ks_after": [0.1234], "from": [0.5],
    })  # fmt: skip
    view = view_of(frame, "caption", headings={"drawn_in": "drawn"})

    assert view.headings == (
        "level",
        "deals",
        "interval",
        "drawn",
        "p value",
        "smd after",
        "different",
        "other",
        "ks after",
        "from",
    )
    assert [cell.replace("\xa0", " ") for cell in view.rows[0]] == [
        "a",
        "1,200",
        "1.0 to 2.2",
        "57 %",
        "< 0.001",
        "−0.12",
        "yes",
        "–",
        "0.12",
        "0.50",
    ]
    assert view.numeric == (False, True, True, True, True, True, False, True, True, True)
    assert view_of(pd.DataFrame({"low": [0.0123], "high": [0.5]}), "x").rows == (("0.0123 to 0.500",),)
    assert view_of(pd.DataFrame({("a", "b"): [1]}, index=["row"]), "x").headings == ("index", "a b")
    assert view_of(pd.DataFrame({"low": ["a"], "high": ["b"]}), "x").headings == ("low", "high")
    assert view_of(pd.DataFrame(), "x").rows == ()


def test_a_view_is_folded_and_left_unprinted_by_its_length() -> None:
    """Long tables are folded, very long ones are not printed."""
    sizes = {rows: view_of(pd.DataFrame({"a": range(rows)}), "x") for rows in (30, 31, 81)}

    assert [view.folded for view in sizes.values()] == [False, True, True]
    assert [view.long for view in sizes.values()] == [False, False, True]


def test_checks_are_said_in_words() -> None:
    """Each result and severity has a consequence; a check's purpose is the first line of its class."""
    checks = [
        Check("balance", passed, severity, "x", 0.0, "m") for passed in (True, False) for severity in ("fatal", "serious", "note")
    ]

    assert [result(check) for check in checks] == ["passed"] * 3 + ["failed", "failed", "note"]
    assert len({consequence(check, of_answer=True) for check in checks}) == 6
    assert "stands beside" in consequence(checks[3], of_answer=False)
    assert purpose("winrates", "thin_levels").startswith("Levels with few closed deals")
    assert purpose("winrates", "made_by_a_method") == ""
    assert known("trial", "something_new").title == "Something new"


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio as WCAG 2.2 defines it."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_computed_as_published() -> None:
    """Black on white is 21 to 1, and #767676 on white the known 4.54."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "panel"])
@pytest.mark.parametrize("name", ["ink", "muted", "accent", "warm", "bad", "good"])
def test_text_can_be_read(name: str, ground: str, scheme: dict) -> None:
    """Every colour that text has stands out at least 4.5 to 1 from every ground, in both schemes."""
    assert contrast(scheme[name], scheme[ground]) >= 4.5


def seen_by_deuteranopes(colour: str) -> np.ndarray:
    """The colour as someone without green cones sees it, in linear light (Viénot, Brettel and Mollon 1999)."""
    parts = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    cones = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
    blind = np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]])
    return np.linalg.inv(cones) @ blind @ cones @ linear


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_the_colours_of_figures_differ_for_the_colour_blind(scheme: dict) -> None:
    """Blue, orange and grey of a figure stay far apart without green cones."""
    seen = [seen_by_deuteranopes(scheme[name]) for name in ("accent", "warm", "muted")]

    gaps = [float(np.abs(one - other).max()) for place, one in enumerate(seen) for other in seen[place + 1 :]]
    assert min(gaps) > 0.1


def test_a_scheme_is_css() -> None:
    """Both schemes name the same properties; dark is for screens only; a strange colour stays as it is."""
    css = style_sheet(":root")

    assert LIGHT.keys() == DARK.keys()
    assert len(set(LIGHT.values())) == len(LIGHT)
    assert css.startswith(f":root{{{declarations(LIGHT)}}}@media screen and (prefers-color-scheme:dark)")
    assert as_variable("#0A5A9C") == "var(--accent,#0a5a9c)" or as_variable("#0A5A9C") == "var(--accent,#0A5A9C)"
    assert as_variable("none") == "none"
