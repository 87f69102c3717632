"""Whether the effect can be told, said of the run, and of each answer where a natural experiment stands in it."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from whywin.effects.checks.identification import Identification
from whywin.effects.methods.difference import Difference
from whywin.effects.methods.difference_in_differences import DifferenceInDifferences
from whywin.effects.methods.instrument import Instrument
from whywin.effects.question import Effect
from whywin.evidence import Answered, Check, Evidence

HIDDEN = (("promise", "called"), ("promise", "won"), ("called", "won"), ("lottery", "called"))


def checked(table: pd.DataFrame, question: Effect, *methods: object) -> dict[str, Check]:
    """The check of a run with these methods, by the method that it is about."""
    check = Identification()
    sample = check.need(question).sample(table)
    answers = tuple(Answered(type(method).__name__, method, sample, Evidence(())) for method in methods)
    return {found.method: found for found in check.check(question, answers, sample, np.random.default_rng(0))}


def lotteries(made: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    """Confounded deals of which every second was drawn."""
    return made(200).assign(lottery=np.arange(200) % 2)


def test_without_a_natural_experiment_it_is_about_the_run(made: Callable) -> None:
    """One fatal check for all, which fails where a path stays open."""
    found = checked(lotteries(made), Effect("called", graph=HIDDEN), Difference())

    assert list(found) == [""]
    assert (found[""].passed, found[""].severity) == (False, "fatal")
    assert "lottery could serve as an instrument" in found[""].says


def test_an_instrument_is_judged_by_the_graph(made: Callable) -> None:
    """The path that defeats adjustment does not defeat a good instrument; the method beside it still fails."""
    found = checked(lotteries(made), Effect("called", graph=HIDDEN, instruments=("lottery",)), Instrument(), Difference())

    assert (found["Instrument"].passed, found["Difference"].passed) == (True, False)
    assert found["Instrument"].says == "By the graph lottery moves won only through called."


def test_a_bad_instrument_fails_with_its_path(made: Callable) -> None:
    """An instrument with a way of its own to the outcome is refused by the graph, and the way is shown."""
    question = Effect("called", graph=(*HIDDEN, ("lottery", "won")), instruments=("lottery",))
    found = checked(lotteries(made), question, Instrument())["Instrument"]

    assert (found.passed, found.severity) == (False, "fatal")
    assert "lottery and won are related otherwise than through called (lottery → won)" in found.says


def test_without_a_graph_an_instrument_is_taken_at_the_configs_word(made: Callable) -> None:
    """It is said on whose word the instrument rests."""
    question = Effect("called", ("engagement",), instruments=("lottery",))

    assert checked(lotteries(made), question, Instrument())["Instrument"].says.startswith(
        "On the word of the config lottery moves"
    )


def test_other_natural_experiments_are_judged_by_their_own_checks(made: Callable) -> None:
    """What decided who was treated carries them, not what is adjusted for."""
    found = checked(lotteries(made), Effect("called", graph=HIDDEN), DifferenceInDifferences())["DifferenceInDifferences"]

    assert (found.passed, found.severity) == (True, "note")
