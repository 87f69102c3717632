"""What the tables of trials with several metrics, segments and a past mean in words for people."""

from collections.abc import Mapping
from typing import Final

TRIAL: Final[Mapping[str, tuple[str, str, Mapping[str, str]]]] = {
    "metrics": (
        "Metrics in their families",
        ("The primary and secondary metrics of all arms are one family: Holm's p-values, and simultaneous intervals that agree with the "
        "simultaneous p-values. A guardrail is not adjusted: each must be shown not to get worse by its margin."),
        {
            "low": "lower end", "high": "upper end", "relative": "in % of control", "relative_low": "lower end, %",
            "relative_high": "upper end, %", "p_value": "p-value alone", "p_holm": "Holm's p-value",
            "p_simultaneous": "simultaneous p-value", "simultaneous_low": "simultaneous lower end",
            "simultaneous_high": "simultaneous upper end",
        },
    ),
    "segment_effects": (
        "The effect by segment, explored",
        ("Each level alone, and drawn together with the others of its segment. p-values are adjusted by Benjamini and Hochberg over all "
        "rows; an adjusted interval leaves nought out where the adjusted p-value is below its limit. None of this decides."),
        {
            "low": "lower end", "high": "upper end", "p_value": "p-value alone", "degrees": "degrees of freedom",
            "pooled": "drawn together", "pooled_low": "lower end", "pooled_high": "upper end", "p_adjusted": "adjusted p-value",
            "adjusted_low": "adjusted lower end", "adjusted_high": "adjusted upper end",
        },
    ),
    "interactions": (
        "Whether the effect differs by segment",
        "The test of all levels of a segment having one effect, each unit left out in turn.",
        {"p_value": "p-value"},
    ),
    "weeks": (
        "The effect week by week",
        ("The effect at the end of each week since the start, from the deals closed by then. Nobody planned when to look, so the intervals "
        "are those of a confidence sequence: they hold in all weeks at once."),
        {"low": "lower end", "high": "upper end", "crossed": "leaves nought out"},
    ),
    "adjustment": (
        "Adjusted for what was known before",
        "The covariate's correlation with the outcome over units, and the standard errors with and without it.",
        {
            "p_value": "p-value", "degrees": "degrees of freedom", "error": "standard error",
            "error_unadjusted": "standard error, unadjusted",
        },
    ),
    "decisions": (
        "What follows for a decision",
        ("Chances in percent; losses in the metric's unit: what is lost on average by treating where control is better, and by not "
        "treating where the arm is. Negligible: within the margin of interest."),
        {
            "better": "chance of being better, %", "loss_of_treating": "expected loss of treating",
            "loss_of_control": "expected loss of not treating", "negligible": "chance of being negligible, %",
        },
    ),
}  # fmt: skip
