"""What a caller can mend, as exceptions that carry every fault at once.

WhywinError
├── ConfigError      a plan cannot be read or does not make sense
├── DataError        a table is missing, unreadable, or breaks its contract
├── QuestionError    the question does not fit the deals that were given
├── ClaimError       a claim cannot be made, or the ledger was changed
└── TrackingError    the record of runs cannot be opened or written

Anything else that escapes whywin is a bug and is left to crash.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class WhywinError(Exception):
    """A mistake that the caller can mend; ``faults`` holds one sentence for each."""

    def __init__(self, faults: str | Iterable[str]) -> None:
        """Take one sentence or several: the value, the rule, and the way out."""
        self.faults: tuple[str, ...] = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__("\n".join(self.faults))


class ConfigError(WhywinError):
    """A plan cannot be read or does not make sense."""


class DataError(WhywinError):
    """A table is missing, unreadable, or breaks its contract."""


class QuestionError(WhywinError):
    """The question does not fit the deals that were given."""


class ClaimError(WhywinError):
    """A claim cannot be made, or the ledger was changed after it was written."""


class TrackingError(WhywinError):
    """The record of runs cannot be opened or written."""


def nearest(name: object, there: Iterable[object], *, otherwise: str = "") -> str:
    """Return "; did you mean 'x'?" for the nearest of the names that are there, or `otherwise`."""
    known = {str(one).casefold(): str(one) for one in there}
    near = get_close_matches(str(name).casefold(), list(known), n=1)
    return f"; did you mean {known[near[0]]!r}?" if near else otherwise
