"""What grades, severities and tables mean, in words for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from whywin.catalogue import Kind, checks
from whywin.evidence import Check, Grade

KINDS: Final[Mapping[Kind, str]] = {
    "winrates": "Win rates",
    "effect": "Effect of an intervention",
    "trial": "Randomised trial",
}
GRADES: Final[Mapping[Grade, str]] = {
    "A": "A randomised trial, analysed as planned, and none of its checks failed. Chance assignment makes the groups alike, "
    "so the difference may be called an effect.",
    "B": "A natural experiment that passed its checks. Something other than people's choice decided who was treated, "
    "so the difference is very likely an effect.",
    "C": "Deals that were treated by choice, compared after adjusting for what was known before. The checks passed, but a cause "
    "that nobody recorded could still explain part of it.",
    "D": "An association. The comparison is not adjusted, or a check that it needs failed or did not run, so it must not be read as an effect.",
    "E": "A description of the deals that there are. It says how things are, not why, nor what would change them.",
}
_PASSED: Final = {
    "fatal": "Had it failed, the answer could not be used.",
    "serious": "Had it failed, the grade would fall.",
    "note": "For information: it decides nothing.",
}
_FAILED: Final = {
    "fatal": "Do not use this answer.",
    "serious": "The grade falls: the answer is weaker than its method could give.",
    "note": "Worth knowing; the answer stands.",
}


@dataclass(frozen=True)
class Known:
    """A table that a room makes: its title, what it tells, and the headings of its columns."""

    title: str
    says: str
    headings: Mapping[str, str]


TABLES: Final[Mapping[Kind, Mapping[str, Known]]] = {
    "winrates": {
        "segments": Known(
            "Segments against the company",
            "Observed and pooled rate of each level. Pooling draws a rate towards the company's as far as few deals leave doubt; the "
            "chances say how sure it is that the level lies off the company by more than the margin.",
            {
                "deals": "closed deals", "raw": "observed, %", "pooled": "pooled, %", "interval": "interval, %",
                "drawn_in": "drawn in", "p_below": "chance it is below", "p_above": "chance it is above", "different": "differs",
            },
        ),
        "variation": Known(
            "How much each dimension varies",
            "Standard deviation between the levels of a dimension, in points of win rate: how much there is to find at all.",
            {"between_sd": "between levels, points", "interval": "interval, points", "level": "coverage"},
        ),
    },
    "effect": {
        "balance": Known(
            "Balance before and after",
            "Means of treated deals and of controls, and how far they differ in standard deviations, before and after adjustment; a "
            "difference beyond 0.1 either way is out of balance. A variance ratio of 1 and a Kolmogorov-Smirnov distance of 0 are alike.",
            {
                f"{name}_{when}": f"{words} {when}"
                for when in ("before", "after")
                for name, words in (("smd", "difference"), ("ks", "KS distance"), ("variance_ratio", "variance ratio"))
            },
        ),
        "overlap": Known(
            "Overlap of the scores", "Deals by their modelled chance of being treated: where one group is empty, nothing is compared.", {}
        ),
        "groups": Known(
            "Who is compared",
            "How many deals there are, how many are compared, what they are worth after weighting, and what share lies outside the "
            "other group's range.",
            {"effective": "effective number"},
        ),
        "outcomes": Known("Outcomes with and without", "Mean outcome of the deals whose effect is asked for.", {}),
    },
    "trial": {
        "arms": Known(
            "Arms",
            "What was randomised and what came of it. Degrees of freedom say how many independent units the interval rests on.",
            {"degrees": "degrees of freedom", "p_value": "p-value"},
        ),
        "clustering": Known(
            "How alike deals of one unit are", "The more alike, the fewer independent deals there are in effect.", {}
        ),
        "reps": Known("Units that were randomised", "One row a unit: its arm, its deals, and its own rate.", {}),
    },
}  # fmt: skip


def known(kind: Kind, name: str) -> Known:
    """Return what is known of a table; its name and nothing more of one that is new."""
    there = TABLES[kind].get(name)
    return there or Known(name.replace("_", " ").capitalize(), "", {})


def consequence(check: Check, *, of_answer: bool) -> str:
    """Return what follows from a check; one about a method beside the answer leaves the answer as it is."""
    said = (_PASSED if check.passed else _FAILED)[check.severity]
    if check.undoes and not of_answer:
        return f"It concerns {check.method}, which stands beside the answer; the answer is not touched."
    return said


def result(check: Check) -> str:
    """Return a check's result in one word."""
    return "passed" if check.passed else "failed" if check.undoes else "note"


def purpose(kind: Kind, name: str) -> str:
    """Return the sentence that documents a check, or nothing for one that a method made itself."""
    owner = checks(kind).get(name)
    return (owner.__doc__ or "").partition("\n")[0] if owner else ""


def readable(name: str) -> str:
    """Return a file name or a column as words."""
    return name.replace("_", " ")
