"""What methods and checks there are, found by the names of their files."""

from collections.abc import Mapping
from dataclasses import is_dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Final, Literal, Protocol

import numpy as np
import pandas as pd

from whywin.deals.need import Need
from whywin.effects.question import Effect
from whywin.evidence import Answered, Check, Design, Evidence, Grade, Judged
from whywin.trials.question import Trial
from whywin.winrates.question import WinRates

Kind = Literal["winrates", "effect", "trial"]
Question = WinRates | Effect | Trial
QUESTIONS: Final[Mapping[Kind, type[Question]]] = {"winrates": WinRates, "effect": Effect, "trial": Trial}
_ROOMS: Final[Mapping[Kind, str]] = {"winrates": "winrates", "effect": "effects", "trial": "trials"}


class Method(Protocol):
    """One way to answer a kind of question: a frozen dataclass whose fields are its settings.

    A method that cannot answer every question of its kind has `faults(question) -> list[str]` too: what the question lacks for it.
    One whose grade rests on other checks than its design's has `requires: ClassVar[tuple[str, ...]]`: their names.
    """

    design: Any  # ClassVar[Design]: what kind of evidence it is; the run's checks make the grade of it

    def need(self, question: Any) -> Need:
        """Say which data it needs."""

    def answer(self, question: Any, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Answer the question from the sample that was asked for."""


class Checker(Protocol):
    """One thing that would undo an answer: a frozen dataclass whose fields are its settings."""

    def need(self, question: Any) -> Need | None:
        """Say which data it needs beyond what the methods were given, or None."""

    def check(
        self, question: Any, answers: tuple[Answered, ...], sample: pd.DataFrame | None, rng: np.random.Generator
    ) -> tuple[Check, ...] | Judged:
        """Return what was found, as `Judged` where tables are behind it.

        A Check with `method` set is about that answer, otherwise about the whole run.
        """


class Wording(Protocol):
    """The module ``wording.py`` of a room: how its answers are said, and which checks its grades require.

    It may have `tables(question, evidence, grade)` too: tables that only the checked answer can give, such as a trial's decision.
    """

    REQUIRED: Mapping[Design, tuple[str, ...]]  # checks that must have run and passed for a design's own grade

    def sentence(self, question: Any, evidence: Evidence, grade: Grade) -> str:
        """Return the answer in one sentence, worded as the grade allows."""


def kind_of(question: Question) -> Kind:
    """Return the kind of a question."""
    return next(kind for kind, owner in QUESTIONS.items() if isinstance(question, owner))


@cache
def methods(kind: Kind) -> Mapping[str, type]:
    """Return the methods of a kind of question by name."""
    return _found(f"whywin.{_ROOMS[kind]}.methods")


@cache
def checks(kind: Kind) -> Mapping[str, type]:
    """Return the checks of a kind of question by name."""
    return _found(f"whywin.{_ROOMS[kind]}.checks")


def wording(kind: Kind) -> Wording:
    """Return the wording of a kind of question."""
    return import_module(f"whywin.{_ROOMS[kind]}.wording")


def design_of(method: Any) -> Design:
    """Return the kind of evidence that a method gives."""
    return method.design  # type: ignore[no-any-return]


def required_of(method: Any, kind: Kind) -> tuple[str, ...]:
    """Return the checks that must have run and passed for the grade of a method's design: its own, or else those of its design."""
    own: tuple[str, ...] | None = getattr(method, "requires", None)
    return wording(kind).REQUIRED.get(design_of(method), ()) if own is None else own


def _found(package: str) -> dict[str, type]:
    found = {}
    for module in iter_modules(import_module(package).__path__):
        content = vars(import_module(f"{package}.{module.name}"))
        name = module.name.title().replace("_", "")
        owner = content.get(name)
        if not (isinstance(owner, type) and is_dataclass(owner)):
            msg = f"{package}.{module.name} must define the frozen dataclass {name}"
            raise TypeError(msg)
        found[module.name] = owner
    return found
