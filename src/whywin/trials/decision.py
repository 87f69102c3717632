"""What is done with a trial's answer: a rule that was written before the data, and its application."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, doc

from whywin.errors import ConfigError
from whywin.evidence import Estimate, with_sign
from whywin.settings import check_settings

Verdict = Literal["ship", "stop", "continue"]


@dataclass(frozen=True)
class Decision:
    """When to ship what was tried, and when to stop it; otherwise the trial continues."""

    ship: Annotated[
        Literal["above_margin", "above_zero", "not_worse"] | None,
        doc("ship when the whole interval is above the margin, above nought, or above minus the margin"),
    ] = None
    stop: Annotated[
        Literal["below_margin", "below_zero", "worse"] | None,
        doc("stop when the whole interval is below the margin, below nought, or below minus the margin"),
    ] = None
    guardrails: Annotated[
        Literal["proven", "unharmed"],
        doc("ship only if every guardrail is shown not to be worse by its margin, or if none is shown to be worse by it"),
    ] = "proven"
    margin: Annotated[
        float | None, Ge(0), doc("the margin of the rule, in points or the metric's unit; the question's when not given")
    ] = None

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    @property
    def written(self) -> bool:
        """Whether there is a rule."""
        return self.ship is not None or self.stop is not None

    def faults(self, margin: float) -> list[str]:
        """Return what the rule lacks, given the question's margin."""
        used = self.margin if self.margin is not None else margin
        needing = {"above_margin", "not_worse", "below_margin", "worse"} & {self.ship, self.stop}
        if needing and used == 0:
            named = ", ".join(sorted(str(name) for name in needing))
            return [f"decision: {named} needs a margin above 0; give question.margin or decision.margin"]
        if self.ship == "above_zero" and self.stop == "below_margin":
            return [
                "decision: an interval can be above nought and below the margin at once; ship above_margin, or stop below_zero"
            ]
        if self.ship == "not_worse" and self.stop in {"below_margin", "below_zero"}:
            return [f"decision: an interval can be {self.ship} and {self.stop} at once; stop when worse"]
        return []


@dataclass(frozen=True)
class Guardrail:
    """A metric that must not get worse: its effect, the margin that is tolerated, and which direction is good."""

    estimate: Estimate
    margin: float
    better: Literal["higher", "lower"] = "higher"


@dataclass(frozen=True)
class Decided:
    """What the rule says of one arm, and why."""

    arm: str
    verdict: Verdict
    says: str


def decide(
    rule: Decision,
    effect: Estimate,
    margin: float,
    guardrails: tuple[Guardrail, ...] = (),
    *,
    better: Literal["higher", "lower"] = "higher",
    trusted: bool = True,
) -> Decided:
    """Apply a rule to the effect of one arm on the primary metric, and to that on the guardrails.

    Args:
        rule: the rule.
        effect: the primary metric's effect.
        margin: the question's margin; that of the rule goes before it.
        guardrails: the metrics that must not get worse.
        better: which direction of the primary metric is good.
        trusted: whether the answer's checks leave it standing; a rule is not applied to an answer that they undo.
    """
    arm = effect.segment.removeprefix("arm=")
    if not trusted:
        return Decided(arm, "continue", "a check failed that the answer needs, so the rule is not applied; mend the trial first")
    used = rule.margin if rule.margin is not None else margin
    low, high = _turned(effect, better)
    edges = {"above_margin": used, "above_zero": 0.0, "not_worse": -used, "below_margin": used, "below_zero": 0.0, "worse": -used}
    harmed = [one for one in guardrails if _turned(one.estimate, one.better)[1] < -one.margin]
    unsure = [one for one in guardrails if one not in harmed and _turned(one.estimate, one.better)[0] <= -one.margin]
    ends = f"the interval {with_sign(effect.low)} to {with_sign(effect.high)}"
    if harmed:
        return Decided(arm, "stop", f"the guardrail {_named(harmed)} is worse by more than its margin")
    if rule.stop and high < edges[rule.stop]:
        return Decided(arm, "stop", f"{ends} is {_words(rule.stop, used, better)}")
    if rule.ship and low > edges[rule.ship]:
        if unsure and rule.guardrails == "proven":
            return Decided(arm, "continue", f"the guardrail {_named(unsure)} is not yet shown to keep its margin")
        return Decided(arm, "ship", f"{ends} is {_words(rule.ship, used, better)}")
    rules = "; ".join(
        f"{verdict} when {_words(name, used, better)}" for verdict, name in (("ship", rule.ship), ("stop", rule.stop)) if name
    )
    return Decided(arm, "continue", f"{ends} does not meet the rule ({rules})")


def refuse(faults: list[str]) -> None:
    """Raise the faults of a rule as one error, if there are any."""
    if faults:
        raise ConfigError(faults)


def _turned(estimate: Estimate, better: str) -> tuple[float, float]:
    """Return the ends of an interval so that more is better."""
    return (estimate.low, estimate.high) if better == "higher" else (-estimate.high, -estimate.low)


def _named(found: list[Guardrail]) -> str:
    return ", ".join(one.estimate.quantity for one in found)


def _words(name: str, margin: float, better: str) -> str:
    """Return where an interval must lie, in the metric's own direction."""
    sign = 1 if better == "higher" else -1
    side = "above" if (name in {"above_margin", "above_zero", "not_worse"}) == (better == "higher") else "below"
    edge = {"above_margin": margin, "below_margin": margin, "not_worse": -margin, "worse": -margin}.get(name, 0.0)
    return f"wholly {side} {with_sign(sign * edge) if edge else '0'}"
