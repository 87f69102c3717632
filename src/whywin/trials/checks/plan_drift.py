"""Whether a trial is analysed as it was registered."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge, doc

from whywin.evidence import Answered, Check
from whywin.trials.question import Trial

SHOWN = 5


@dataclass(frozen=True)
class PlanDrift:
    """A plan that was settled before the data must not have changed since; `whywin register` keeps what it was."""

    registered: Annotated[str, doc("when the plan was registered; filled in by whywin from the register beside the config")] = ""
    hash: Annotated[str, doc("hash of the registered plan; filled in likewise")] = ""
    times: Annotated[int, Ge(0), doc("how often the plan was registered; filled in likewise")] = 0
    departures: Annotated[tuple[str, ...], doc("what differs from the registered plan; filled in likewise")] = ()

    def need(self, question: Trial) -> None:
        """Nothing of the data."""
        return

    def check(
        self, question: Trial, answers: tuple[Answered, ...], sample: pd.DataFrame | None, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one check about the whole run: a note when the plan was never registered, serious when it departs."""
        if not self.registered:
            says = "The plan was never registered, so nobody can tell what was settled before the data; register it by whywin register."
            return (Check("plan_drift", passed=False, severity="note", says=says, value=0.0),)
        count = len(self.departures)
        again = f", the last of {self.times} registrations" if self.times > 1 else ""
        when = f"the plan registered on {self.registered} (hash {self.hash[:12]}{again})"
        if not count:
            says = f"The trial is analysed by {when}."
            return (Check("plan_drift", passed=True, severity="serious", says=says, value=0.0),)
        listed = "; ".join(self.departures[:SHOWN]) + (f"; and {count - SHOWN} more" if count > SHOWN else "")
        settings = "a setting" if count == 1 else f"{count} settings"
        says = f"The analysis departs in {settings} from {when}: {listed}."
        return (Check("plan_drift", passed=False, severity="serious", says=says, value=float(count)),)
