"""How answers about win rates are said, and what their grades require."""

from typing import Final

from whywin.evidence import Evidence, Grade
from whywin.winrates.question import WinRates

REQUIRED: Final[tuple[str, ...]] = ()


def sentence(question: WinRates, evidence: Evidence, grade: Grade) -> str:  # noqa: ARG001
    """Return the answer in one sentence."""
    rate = evidence.of("win rate")
    return f"The win rate is {rate.value:.1f} % ({rate.low:.1f} to {rate.high:.1f} %, {rate.n:,} closed deals)."
