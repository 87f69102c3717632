"""What the tables about effects that differ, and about whom to treat, mean in words for people."""

from collections.abc import Mapping
from typing import Final

HETEROGENEITY: Final[Mapping[str, tuple[str, str, Mapping[str, str]]]] = {
    "segment_effects": (
        "Effects by segment",
        ("The effect in each segment, and by how much it differs from that in all other deals. With many segments some differ by chance: "
        "read the adjusted p-value (Holm), which allows for their number. Intervals are each by itself."),
        {
            "difference": "less the rest", "difference_low": "lower end (less the rest)", "difference_high": "upper end (less the rest)",
            "p_value": "p", "p_adjusted": "p, adjusted (Holm)",
        },
    ),
    "pooled_effects": (
        "Pooled effects by segment",
        ("The effect in each segment, drawn to the others as far as few deals leave doubt, and the chance that it is larger than that of all deals "
        "together."),
        {"p_above": "chance it is larger"},
    ),
    "effect_spread": (
        "How much effects differ between levels",
        "Standard deviation of the effects between the levels of a column, with its interval, and what was believed of it before the data.",
        {"between_sd": "between levels", "low": "lower end", "high": "upper end", "prior_sd": "before the data"},
    ),
    "prior": (
        "What was believed before the data",
        "What the priors alone say of the effect. They are weak where their interval is far wider than the answer's.",
        {"prior_low": "lower end", "prior_median": "middle", "prior_high": "upper end"},
    ),
    "calibration": (
        "What predicted effects are worth",
        ("Judged on deals that came after those learned from: 1 is right, 0 is nothing. Where the differences are worth nothing that can be "
        "told from noise, do not treat deals differently by them."),
        {"p_value": "p, one-sided", "low": "lower end", "high": "upper end"},
    ),
    "ranked": (
        "Effects of deals ranked by the prediction",
        "Predicted and found effect of the deals for which the forest predicts least and most, judged on deals that it did not see.",
        {"low": "lower end", "high": "upper end"},
    ),
    "projection": (
        "Along what effects differ",
        ("The straight line nearest to the effects: what a standard deviation of a number, or a level against the commonest, changes the effect "
        "by with the others held. p together: that of no slope at all."),
        {"low": "lower end", "high": "upper end", "p_value": "p", "p_adjusted": "p, adjusted (Holm)", "p_together": "p, together"},
    ),
    "rule": (
        "Whom to treat",
        ("The rule in words, in the order of treatment, until the capacity is used; the last group treated may be treated in part, by lottery. The "
        "learned effect, less the cost, is from the deals that the rule was chosen on, and so too good."),
        {"deals_that": "deals for which", "share": "share of deals, %", "treat": "treated, %", "learned_effect": "learned effect"},
    ),
    "values": (
        "What each way to choose is worth",
        ("Mean outcome less the cost of treatments, on deals that rules were not learned from. The gain is over treating as many deals at "
        "random."),
        {"who": "who is treated", "treated": "treated, %", "mean": "mean outcome", "over_random": "gain over random"},
    ),
}  # fmt: skip
