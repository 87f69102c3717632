"""What a sweep found: one estimate a specification, and how much it depends on what was chosen.

Specification curves are those of Simonsohn, Simmons and Nelson (2020), "Specification curve analysis", Nature Human Behaviour 4.
Their joint test by resampling is not made here: the specifications share their deals, and each interval stands for itself.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Final

import pandas as pd

from whywin.evidence import Estimate
from whywin.report.numerals import NOTHING, estimate_text, in_unit

DIFFERENCES: Final = ("points", "days", "logits", "number")  # units in which nought means that nothing changes


@dataclass(frozen=True)
class Specification:
    """One combination of choices, and what came of it.

    Attributes:
        number: its place in the sweep, counted from 1.
        choices: what was chosen, in words, by key.
        estimates: the estimates of the method that answers; none when it failed.
        grade: the grade of the answer, A to E; empty when it failed.
        undone: the checks that failed in a way that undoes the answer.
        truths: the true numbers by quantity and segment, in a made-up market.
        run: the identifier of its run; empty when none was recorded.
        link: the address of the run.
        failure: why it has no answer; empty when it has one.
    """

    number: int
    choices: Mapping[str, str]
    estimates: tuple[Estimate, ...] = ()
    grade: str = ""
    undone: tuple[str, ...] = ()
    truths: Mapping[tuple[str, str], float] | None = None
    run: str = ""
    link: str = ""
    failure: str = ""

    @property
    def sound(self) -> bool:
        """Whether it has an answer that no check undoes."""
        return not self.failure and not self.undone


@dataclass(frozen=True)
class Place:
    """A specification in the curve: its estimate of the quantity that the curve is about, and the true number or None."""

    specification: Specification
    estimate: Estimate
    truth: float | None


@dataclass(frozen=True, eq=False)
class Curve:
    """The specifications of a sweep, in order of their estimates of one quantity.

    Attributes:
        name: the sweep's name.
        description: a sentence for people.
        all: every specification, in the sweep's order.
        quantity: what the curve is about; empty when no specification has an answer.
        segment: the deals that it is about.
        unit: of the quantity.
        places: the specifications that estimate it, the lowest first.
    """

    name: str
    description: str
    all: tuple[Specification, ...]
    quantity: str
    segment: str
    unit: str
    places: tuple[Place, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys whose choices differ."""
        names = dict.fromkeys(name for one in self.all for name in one.choices)
        return tuple(name for name in names if len({one.choices.get(name) for one in self.all}) > 1)

    @property
    def nought(self) -> bool:
        """Whether nought means that nothing changes."""
        return self.unit in DIFFERENCES

    @property
    def above(self) -> int:
        """How many intervals lie above nought."""
        return sum(place.estimate.low > 0 for place in self.places)

    @property
    def below(self) -> int:
        """How many intervals lie below nought."""
        return sum(place.estimate.high < 0 for place in self.places)

    @property
    def undone(self) -> int:
        """How many of the curve's specifications have a failed check that undoes the answer."""
        return sum(bool(place.specification.undone) for place in self.places)

    @property
    def failed(self) -> int:
        """How many specifications have no answer."""
        return sum(bool(one.failure) for one in self.all)

    @property
    def sound(self) -> int:
        """How many specifications have an answer that no check undoes."""
        return sum(one.sound for one in self.all)


def curve_of(name: str, description: str, found: Iterable[Specification]) -> Curve:
    """Order specifications by what most of them answer with: their first estimate of all deals, or else their first at all."""
    everything = tuple(found)
    firsts = Counter(_main(one.estimates) for one in everything if one.estimates)
    if not firsts:
        return Curve(name, description, everything, "", "", "", ())
    quantity, segment, unit = firsts.most_common(1)[0][0]
    places = []
    for one in everything:
        estimate = next((e for e in one.estimates if (e.quantity, e.segment, e.unit) == (quantity, segment, unit)), None)
        if estimate is not None:
            places.append(Place(one, estimate, (one.truths or {}).get((quantity, segment))))
    ordered = sorted(places, key=lambda place: (place.estimate.value, place.specification.number))
    return Curve(name, description, everything, quantity, segment, unit, tuple(ordered))


def _main(estimates: tuple[Estimate, ...]) -> tuple[str, str, str]:
    first = next((one for one in estimates if one.segment == "all"), estimates[0])
    return first.quantity, first.segment, first.unit


def sentence(curve: Curve) -> str:
    """Say how far the specifications agree."""
    count, total = len(curve.places), len(curve.all)
    if not count:
        return f"No specification has an answer: {_specifications(total)} failed."
    values = [place.estimate.value for place in curve.places]
    ends = f"{in_unit(min(values), curve.unit, named=False)} to {in_unit(max(values), curve.unit)}"
    middle = in_unit(median(values), curve.unit)
    about = curve.quantity + ("" if curve.segment == "all" else f", {curve.segment}")
    start = f"Of {_specifications(count)} {_intervals(curve)};" if curve.nought else f"Over {_specifications(count)}"
    says = f"{start} the estimate ({about}) ranges from {ends} (median {middle})."
    left = total - count - curve.failed
    undone = curve.undone
    further = [
        f"{undone} of them {_have(undone)} a failed check that undoes the answer" if undone else "",
        f"{curve.failed} {'has' if curve.failed == 1 else 'have'} no answer" if curve.failed else "",
        f"{left} {'answers' if left == 1 else 'answer'} with something else" if left else "",
    ]
    said = "; ".join(part for part in further if part)
    return f"{says} {said[0].upper()}{said[1:]}." if said else says


def _specifications(count: int) -> str:
    return f"{count} specification{'' if count == 1 else 's'}"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _intervals(curve: Curve) -> str:
    count, said = len(curve.places), []
    for number, where in ((curve.above, "above"), (curve.below, "below")):
        if number == count:
            said.append(f"every one has an interval {where} nought")
        elif number:
            said.append(f"{number} {_have(number)} an interval {where} nought")
    return " and ".join(said) or "none has an interval that leaves out nought"


def by_choice(curve: Curve) -> pd.DataFrame:
    """Return what the estimates are under each choice: one row a key and choice."""
    rows = []
    for key in curve.keys:
        for words in dict.fromkeys(one.choices.get(key, "") for one in curve.all):
            values = [place.estimate.value for place in curve.places if place.specification.choices.get(key, "") == words]
            of = [one for one in curve.all if one.choices.get(key, "") == words]
            ends = (min(values), median(values), max(values)) if values else (float("nan"),) * 3
            rows.append((key, words, len(of), *ends, sum(one.sound for one in of), sum(bool(one.failure) for one in of)))
    names = ["key", "choice", "specifications", "lowest", "median", "highest", "sound", "failed"]
    return pd.DataFrame(rows, columns=names)


def as_read(curve: Curve) -> pd.DataFrame:
    """Return every specification as people read it in a terminal: its choices, its estimate with the interval, and its checks."""
    frame = table(curve)
    shown = pd.DataFrame({key.rpartition(".")[2]: frame[key] for key in curve.keys})
    named = {place.specification.number: estimate_text(place.estimate) for place in curve.places}
    shown["estimate"] = [named.get(number, NOTHING) for number in frame["specification"]]
    shown["grade"] = frame["grade"]
    shown["what failed"] = [
        failure or (f"check {checks}" if checks else "nothing")
        for failure, checks in zip(frame["failure"], frame["failed_checks"], strict=True)
    ]
    return shown.assign(run=frame["run"].str[:8])


def table(curve: Curve) -> pd.DataFrame:
    """Return every specification, one row each: those of the curve in its order, then the others in the sweep's."""
    placed = {place.specification.number: place for place in curve.places}
    others = [one for one in curve.all if one.number not in placed]
    rows = []
    for one in (*(place.specification for place in curve.places), *others):
        place = placed.get(one.number)
        numbers = {name: getattr(place.estimate, name) if place else None for name in ("value", "low", "high", "n")}
        truth = {"truth": place.truth if place else None} if any(p.truth is not None for p in curve.places) else {}
        rows.append({
            "specification": one.number, **{key: one.choices.get(key, "") for key in curve.keys}, **numbers, **truth,
            "grade": one.grade, "sound": one.sound, "failed_checks": ", ".join(one.undone), "failure": one.failure, "run": one.run,
        })  # fmt: skip
    return pd.DataFrame(rows)
