"""A trial's metrics as families: success, whose errors are shared, and guardrails, each of which must not get worse."""

import numpy as np
import pandas as pd

from whywin.evidence import Check
from whywin.stats.multiplicity import holm, single_step
from whywin.trials.effects import InArm
from whywin.trials.metric import Metric
from whywin.trials.question import Trial
from whywin.trials.units import scale_of


def metrics_table(question: Trial, found: list[tuple[Metric, list[InArm]]], rng: np.random.Generator) -> pd.DataFrame:
    """Return one row a metric and arm other than control: the effect, its p-values alone and in its family, and what follows.

    The primary and secondary metrics of all arms are one family; guardrails are a family of which every one must hold, so that
    none is adjusted.
    """
    rows, scores = [], []
    for metric, arms in found:
        scale = scale_of(question, metric)[0]
        for one in arms[1:]:
            assert one.effect is not None  # noqa: S101 - only control has none
            low, high = (scale * end for end in one.effect.interval(question.level))
            relative = _relative(one, question.level)
            rows.append(
                {
                    "metric": metric.name, "role": metric.role, "arm": one.arm, "deals": arms[0].deals + one.deals,
                    "control": scale * arms[0].mean.value, "treated": scale * one.mean.value,
                    "effect": scale * one.effect.value, "low": low, "high": high,
                    "relative": relative[0], "relative_low": relative[1], "relative_high": relative[2],
                    "p_value": one.effect.p_value,
                }
            )  # fmt: skip
            scores.append(one.scores)
    table = pd.DataFrame(rows)
    success = (table["role"] != "guardrail").to_numpy()
    correlation = _correlation([score for score, kept in zip(scores, success, strict=True) if kept])
    adjusted, rate = single_step(table["p_value"][success], correlation, 1 - question.level, rng=rng)
    table.loc[success, "p_holm"] = holm(table["p_value"][success])
    table.loc[success, "p_simultaneous"] = adjusted
    ends = [_interval(question, found, place, 1 - rate) if kept else (np.nan, np.nan) for place, kept in enumerate(success)]
    table[["simultaneous_low", "simultaneous_high"]] = ends
    table["verdict"] = [
        _verdict(question, metric, row) for (metric, _), row in zip(_each(found), table.to_dict("records"), strict=True)
    ]
    return table


def guardrail_checks(question: Trial, found: list[tuple[Metric, list[InArm]]]) -> list[Check]:
    """Return one check a guardrail: it fails while its interval does not rule out that the metric got worse by its margin."""
    checks = []
    for metric, arms in found:
        if metric.role != "guardrail":
            continue
        scale, _, unit, _ = scale_of(question, metric)
        worst = {one.arm: scale * worst_of(metric, one, question.level) for one in arms[1:]}
        arm = min(worst, key=lambda name: worst[name])
        amount = f"{max(-worst[arm], 0):.3g}{'' if unit == 'number' else f' {unit}'}"
        held = worst[arm] > -metric.margin
        says = (
            f"The guardrail {metric.name} may have got worse by up to {amount} in {arm}, "
            f"{'within' if held else 'more than'} its margin of {metric.margin:g}."
        )
        checks.append(Check(f"guardrail_{metric.name.replace(' ', '_')}", held, "note", says, worst[arm]))
    return checks


def worst_of(metric: Metric, one: InArm, level: float) -> float:
    """Return the end of the interval on the bad side, with the bad direction negative."""
    assert one.effect is not None  # noqa: S101 - only control has none
    low, high = one.effect.interval(level)
    return low if metric.better == "higher" else -high


def _each(found: list[tuple[Metric, list[InArm]]]) -> list[tuple[Metric, InArm]]:
    return [(metric, one) for metric, arms in found for one in arms[1:]]


def _interval(question: Trial, found: list[tuple[Metric, list[InArm]]], place: int, level: float) -> tuple[float, float]:
    metric, one = _each(found)[place]
    assert one.effect is not None  # noqa: S101 - only control has none
    scale = scale_of(question, metric)[0]
    low, high = one.effect.interval(level)
    return scale * low, scale * high


def _relative(one: InArm, level: float) -> tuple[float, float, float]:
    if one.log_ratio is None:
        return np.nan, np.nan, np.nan
    low, high = one.log_ratio.interval(level)
    return tuple(100 * float(np.expm1(np.clip(end, -50, 50))) for end in (one.log_ratio.value, low, high))  # type: ignore[return-value]


def _correlation(scores: list[pd.Series]) -> np.ndarray:
    """Return the correlations of the effects from what each cluster adds to them; nought where that is not known."""
    frame = pd.concat(scores, axis=1, keys=range(len(scores))).fillna(0.0).to_numpy(dtype=float)
    length = np.sqrt((frame**2).sum(axis=0))
    safe = np.where(length > 0, length, 1.0)
    matrix = (frame.T @ frame) / np.outer(safe, safe)
    np.fill_diagonal(matrix, 1.0)
    return np.asarray(matrix)


def _verdict(question: Trial, metric: Metric, row: dict[str, float]) -> str:
    if metric.role == "guardrail":
        worst = row["low"] if metric.better == "higher" else -row["high"]
        best = row["high"] if metric.better == "higher" else -row["low"]
        return "no worse" if worst > -metric.margin else "worse" if best < -metric.margin else "may be worse"
    if not row["p_simultaneous"] <= 1 - question.level:
        return "not shown"
    return "better" if (row["effect"] > 0) == (metric.better == "higher") else "worse"
