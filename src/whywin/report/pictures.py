"""Which pictures a run has."""

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Final

from whywin.catalogue import Kind, kind_of
from whywin.report.calibration_pictures import calibration_pictures
from whywin.report.decomposition_pictures import decomposition_pictures
from whywin.report.effect_pictures import effect_pictures
from whywin.report.heterogeneity_pictures import heterogeneity_pictures
from whywin.report.maturity_pictures import maturity_pictures
from whywin.report.picture import Picture
from whywin.report.rate_pictures import rate_pictures
from whywin.report.trial_pictures import trial_pictures
from whywin.studies import Run

_DRAWN: Final[Mapping[Kind, Callable[[Run], Iterator[Picture]]]] = {
    "winrates": lambda run: chain(decomposition_pictures(run), maturity_pictures(run), rate_pictures(run)),
    "effect": lambda run: chain(effect_pictures(run), heterogeneity_pictures(run)),
    "trial": lambda run: chain(trial_pictures(run), calibration_pictures(run)),
}


def pictures(run: Run) -> tuple[Picture, ...]:
    """Return the run's pictures, that of the answer first; none where nothing can be drawn."""
    return tuple(_DRAWN[kind_of(run.plan.question)](run))
