"""Rules on the fields of a settings dataclass, held when an instance is made in Python."""

from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Gt, Le, Lt, MinLen, doc
from hypothesis import given
from hypothesis import strategies as st

from whywin.errors import ConfigError
from whywin.settings import check_settings, documentation


@dataclass(frozen=True)
class Oven:
    """An oven."""

    grams: Annotated[int, Ge(1), doc("how much is baked")] = 500
    share: Annotated[float, Gt(0), Lt(1), doc("how much of it is flour")] = 0.6
    level: Annotated[float | None, Le(10)] = None
    toppings: Annotated[tuple[str, ...], MinLen(1)] = ("salt",)
    heat: Literal["top", "bottom"] = "top"
    light: Literal["on", "off"] | None = None
    name: str = ""

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"grams": 0}, "grams: must be at least 1, got 0"),
        ({"share": 0.0}, "share: must be more than 0, got 0.0"),
        ({"share": 1.0}, "share: must be less than 1, got 1.0"),
        ({"share": float("nan")}, "share: must be a finite number, got nan"),
        ({"level": float("-inf")}, "level: must be a finite number, got -inf"),
        ({"level": 11.0}, "level: must be at most 10, got 11.0"),
        ({"toppings": ()}, "toppings: must have at least 1 item(s), got ()"),
        ({"heat": "left"}, "heat: must be one of 'top', 'bottom', got 'left'"),
        ({"light": "dim"}, "light: must be one of 'on', 'off', None, got 'dim'"),
    ],
)
def test_a_broken_rule_says_field_rule_and_value(settings: dict, fault: str) -> None:
    """The first sentence of the error names the field, the rule and the value that breaks it."""
    with pytest.raises(ConfigError) as caught:
        Oven(**settings)

    assert caught.value.faults[0] == fault


def test_every_broken_rule_is_told_at_once() -> None:
    """Three wrong settings are three faults of one error, in the order of the fields."""
    with pytest.raises(ConfigError) as caught:
        Oven(grams=0, toppings=(), heat="left")

    assert [fault.partition(":")[0] for fault in caught.value.faults] == ["grams", "toppings", "heat"]


def test_none_breaks_no_bound() -> None:
    """A setting that may be left out is not compared with its bounds when it is."""
    assert Oven(level=None, light=None).level is None


@given(grams=st.integers(), share=st.floats(allow_nan=False))
def test_an_instance_is_made_exactly_when_its_rules_hold(grams: int, share: float) -> None:
    """Bounds are open or closed as they are written, for whatever number comes."""
    rules_hold = grams >= 1 and 0 < share < 1
    try:
        Oven(grams=grams, share=share)
    except ConfigError:
        made = False
    else:
        made = True

    assert made is rules_hold


def test_documentation_is_what_stands_at_the_field() -> None:
    """A field's sentence is found by its name; a field without one, or without any rule, has an empty sentence."""
    assert documentation(Oven, "grams") == "how much is baked"
    assert documentation(Oven, "level") == ""
    assert documentation(Oven, "name") == ""
