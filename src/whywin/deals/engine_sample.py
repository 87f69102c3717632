"""A random sample of deals, drawn inside an engine: the same deals from every engine, since their ids and a seed decide.

The MD5 of seed and id is a number that looks as if it had been drawn for that deal; the deals with the lowest are the sample. That is
simple random sampling without replacement, so that a mean over the sample estimates the mean over all deals without bias, and an interval
from the sample is one for the deals that there could be, wider as the sample is smaller. The order of the deals does not matter.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Any, Final

from whywin.evidence import Check

DIGITS: Final = 13  # of a hexadecimal threshold: 52 bits, which a float holds exactly
BEYOND: Final = 8.0  # standard deviations of their number by which more candidates are looked at than are wanted


@dataclass(frozen=True)
class Draw:
    """How deals are drawn.

    Attributes:
        at_most: so many deals at most.
        seed: which of the possible samples.
    """

    at_most: int
    seed: int


def drawn(kept: Any, draw: Draw) -> tuple[Any, tuple[Check, ...]]:
    """Return the drawn deals and the note that says how many of how many; all deals and no note where there are no more than wanted.

    Args:
        kept: kept deals, as an Ibis table whose ``deal_id`` is never missing and occurs once.
        draw: how many are drawn, and by which seed.
    """
    rows = int(kept.count().to_pandas())
    if rows <= draw.at_most:
        return kept, ()
    number = digest(kept["deal_id"], draw.seed, kept.get_backend().name)
    expected = draw.at_most + BEYOND * sqrt(draw.at_most) + BEYOND**2
    candidates = kept.select(number=number)
    if expected < rows:
        candidates = candidates.filter(candidates["number"] < f"{int(16**DIGITS * expected / rows):0{DIGITS}x}")
    lowest = sorted(candidates.to_pyarrow()["number"].to_pylist())[: draw.at_most]
    return kept.filter(number <= lowest[-1]), (said(len(lowest), rows),)


def said(taken: int, rows: int) -> Check:
    """Return the note that stands on the page."""
    says = (
        f"{taken:,} of {rows:,} deals were drawn at random where they are, by the plan's seed and the deals' ids, and all numbers but the "
        f"quality scores are from these; source.at_most says how many at most, and more make the intervals narrower."
    )
    return Check("sample", passed=False, severity="note", says=says, value=taken / rows)


def digest(identifier: Any, seed: int, engine: str) -> Any:
    """Return the MD5 of a seed and an Ibis column of ids, as 32 hexadecimal digits that sort as numbers do; `engine` by Ibis' name."""
    import ibis

    builtin = ibis.udf.scalar.builtin  # Ibis' own digest is not made for every engine

    @builtin  # type: ignore[untyped-decorator]
    def md5(text: str) -> str: ...  # type: ignore[empty-body]

    @builtin(name="md5")  # type: ignore[untyped-decorator]
    def md5_bytes(text: str) -> bytes: ...  # type: ignore[empty-body]

    @builtin  # type: ignore[untyped-decorator]
    def to_hex(digest: bytes) -> str: ...  # type: ignore[empty-body]

    text = ibis.literal(f"{seed}:") + identifier.cast("string")
    return to_hex(md5_bytes(text)) if engine == "bigquery" else md5(text)
