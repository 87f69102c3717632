"""The picture of a change taken apart: the parts one after another, and the finding as its title."""

from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from whywin.evidence import Estimate, Evidence
from whywin.report.decomposition_pictures import decomposition_pictures
from whywin.winrates.question import WinRates

PARTS = ("rate effect", "mix effect of lead_source", "mix effect of combinations", "chance", "change in win rate")


def run_of(rate: float, mix: float, chance: float) -> SimpleNamespace:
    """As much of a run as the picture looks at."""
    values = dict(zip(PARTS, (rate, mix, 0.0, chance, rate + mix + chance), strict=True)) | {"mix effect": mix}
    rows = tuple(Estimate(name, "all", value, value - 1, value + 1, 0.95, 900, "points") for name, value in values.items())
    question = WinRates(("lead_source",), time="created", baseline=("2023Q4",), current=("2024Q1",))
    evidence = Evidence(rows, tables={"decomposition": pd.DataFrame({"part": PARTS})})
    return SimpleNamespace(headline=evidence, plan=SimpleNamespace(question=question))


@pytest.mark.parametrize(
    ("parts", "because"),
    [
        ((-4, -2, 0.5), "because rates fell"),
        ((4, -2, 0.5), "because rates rose"),
        ((1, 3, 0.5), "because the mix of deals shifted"),
        ((1, 0.1, -3), "by chance"),
    ],
)
def test_the_title_says_which_part_is_largest(parts: tuple[float, float, float], because: str) -> None:
    """The largest of rates, mix and chance is named, with its direction."""
    (picture,) = decomposition_pictures(run_of(*parts))

    assert picture.title.endswith(f"from 2023Q4 to 2024Q1, mostly {because}")


def test_the_picture_names_every_part_at_both_widths() -> None:
    """Each part stands there by name, on a screen and on a telephone, with the key in the description."""
    (picture,) = decomposition_pictures(run_of(-4, -2, 0.5))
    for wide in (True, False):
        words = " ".join(text for text in ET.fromstring(picture.svg(wide=wide)).itertext() if text.strip())  # noqa: S314 - our own text
        for part in ("rate effect", "chance", "change in win rate"):
            assert part in words
        assert "sum to the whole" in words


def test_nothing_is_drawn_of_another_answer() -> None:
    """A run without the table has no such picture."""
    run = run_of(-4, -2, 0.5)
    run.headline = Evidence(run.headline.estimates)

    assert list(decomposition_pictures(run)) == []
