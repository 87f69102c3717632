"""What grades, severities and tables mean, in words for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from whywin.catalogue import Kind, checks
from whywin.evidence import Check, Grade
from whywin.report.heterogeneity_words import HETEROGENEITY
from whywin.report.trial_words import TRIAL

KINDS: Final[Mapping[Kind, str]] = {
    "winrates": "Win rates",
    "effect": "Effect of an intervention",
    "trial": "Randomised trial",
}
GRADES: Final[Mapping[Grade, str]] = {
    "A": "A randomised trial, analysed as planned, and none of its checks failed. Chance assignment makes the groups alike, "
    "so the difference may be called an effect.",
    "B": "A natural experiment that passed its checks. Something other than people's choice decided who was treated, "
    "so the difference is very likely an effect.",
    "C": "Deals that were treated by choice, compared after adjusting for what was known before. The checks passed, but a cause "
    "that nobody recorded could still explain part of it.",
    "D": "An association. The comparison is not adjusted, or a check that it needs failed or did not run, so it must not be read as an effect.",
    "E": "A description of the deals that there are. It says how things are, not why, nor what would change them.",
}
_PASSED: Final = {
    "fatal": "Had it failed, the answer could not be used.",
    "serious": "Had it failed, the grade would fall.",
    "note": "For information: it decides nothing.",
}
_FAILED: Final = {
    "fatal": "Do not use this answer.",
    "serious": "The grade falls: the answer is weaker than its method could give.",
    "note": "Worth knowing; the answer stands.",
}


@dataclass(frozen=True)
class Known:
    """A table that a room makes: its title, what it tells, and the headings of its columns."""

    title: str
    says: str
    headings: Mapping[str, str]


TABLES: Final[Mapping[Kind, Mapping[str, Known]]] = {
    "winrates": {
        "segments": Known(
            "Segments against the company",
            "Observed and pooled rate of each level. Pooling draws a rate towards the company's as far as few deals leave doubt; the "
            "chances say how sure it is that the level lies off the company by more than the margin.",
            {
                "deals": "closed deals", "raw": "observed, %", "pooled": "pooled, %", "interval": "interval, %",
                "drawn_in": "drawn in", "p_below": "chance it is below", "p_above": "chance it is above", "different": "differs",
                "rank_low": "rank, at best", "rank_high": "rank, at worst",
            },
        ),
        "changes": Known(
            "What changed between the periods",
            "Observed rates before and now; the change by the model on each side's own mix of deals, and at a fixed mix, where both sides "
            "have the deals of both together, so that only rates differ. The chances are those of a fall, and of a rise, of the rate at "
            "the fixed mix by more than the margin.",
            {
                "before": "before, %", "now": "now, %", "change": "change, points", "interval": "interval, points",
                "fixed_mix": "at a fixed mix, points", "fixed_low": "lower end, points", "fixed_high": "upper end, points",
                "p_fell": "chance it fell", "p_rose": "chance it rose",
            },
        ),
        "variation": Known(
            "How much each dimension varies",
            "Standard deviation between the levels of a dimension, in points of win rate: how much there is to find at all; and which "
            "share of the variation between segments it makes up, with its interval.",
            {
                "between_sd": "between levels, points", "interval": "interval, points", "level": "coverage",
                "share": "share of the variation", "share_low": "share, lower end", "share_high": "share, upper end",
            },
        ),
        "prior": Known(
            "What was believed before the data",
            "What the priors alone say. They are weak where their intervals are far wider than the answer's.",
            {},
        ),
        "new_levels": Known(
            "What a level without deals would have",
            "Win rate to expect of a level not seen yet (a new rep, a new region, the next period) on the company's mix of deals. It comes "
            "from how the seen levels differ, so its interval is wider than that of any of them.",
            {"rate": "expected, %", "interval": "interval, %", "widest_seen": "widest seen, points"},
        ),
        "decomposition": Known(
            "The change taken apart",
            "In points of win rate; the parts sum to the change. The rate effect is what changed because deals of the same kind were won "
            "more or less often, a mix effect because there were more or fewer deals of a kind; chance is what was won or lost beyond the "
            "rates. The interval of the change is about the rates behind it: what was observed is not in doubt.",
            {"interval": "interval, points"},
        ),
        "contributions": Known(
            "What each segment contributes",
            "In points of the company's win rate, the largest first. The parts of one column's levels sum to the rate effect, and to the "
            "mix effect that a breakdown by this column alone would show.",
            {
                "share_before": "share before, %", "share_now": "share now, %", "rate_effect": "rate effect", "rate_low": "lower end",
                "rate_high": "upper end", "mix_effect": "mix effect", "mix_low": "lower end (mix)", "mix_high": "upper end (mix)",
            },
        ),
        "shrinkage": Known(
            "How far each level was drawn in",
            "Observed and pooled rate of each level, one dimension at a time: the fewer its deals, and the less the levels differ, the "
            "further a level is drawn to the others.",
            {"deals": "closed deals", "raw": "observed, %", "pooled": "pooled, %", "interval": "interval, %", "drawn_in": "drawn in"},
        ),
        "hyperparameters": Known(
            "The distribution that each dimension's rates come from",
            "A beta distribution; the standard deviation between levels, with its interval, says how much there is to find.",
            {"mean": "mean, %", "between_sd": "between levels, points", "interval": "interval, points"},
        ),
        "maturity": Known(
            "How far each cohort has come, and where it will end",
            "The final win rate counts decided deals as they are and forecasts the open ones. At the same age cohorts stand beside one "
            "another as if all were as young as the youngest of them.",
            {
                "decided": "decided, %", "observed": "observed, %", "final": "final, %", "interval": "interval, %",
                "same_age": "at the same age, %", "same_age_low": "lower end, %", "same_age_high": "upper end, %",
                "same_age_days": "that age, days",
            },
        ),
        "curves": Known(
            "Shares won and lost by age",
            "Cumulative shares of all deals of a cohort, in percent, by age in days; what is missing to 100 is open. Observed shares are "
            "Aalen and Johansen's, as far as the cohort's oldest deal.",
            {
                "age": "age, days", "won": "won, %", "won_low": "lower end, %", "won_high": "upper end, %", "lost": "lost, %",
                "lost_low": "lower end (lost), %", "lost_high": "upper end (lost), %", "won_observed": "won, observed, %",
                "lost_observed": "lost, observed, %",
            },
        ),
        "backtest": Known(
            "What was said of cohorts when they were young",
            "On that day of a cohort, from what was known then: the forecast of the final win rate of its deals so far, and how those "
            "deals ended. The place is the share of the forecast's draws below the ending.",
            {
                "age": "on day", "day": "date", "decided": "decided, %", "observed": "observed, %", "forecast": "forecast, %",
                "interval": "interval, %", "ended": "ended, %", "inside": "held",
            },
        ),
        "segment_impact": Known(
            "What each level does to the company's win rate",
            "Segment impact is (win rate of the level − that of the company) × the level's share of closed deals, in points, and sums to nought "
            "over the levels of a column. With this many levels some look far off by chance: read the adjusted p-value (Holm).",
            {
                "deals": "closed deals", "share": "share of deals", "rate": "win rate, %", "impact": "impact, points",
                "interval": "interval, points", "p_adjusted": "p, adjusted",
            },
        ),
        "definitions": Known(
            "What each metric is", "How each metric is computed, and what to beware of when it is read.", {}
        ),
        "drivers": Known(
            "What is associated with winning",
            "How the win rate of like deals differs from that of the reference, in points, with the other columns held: associated with, "
            "not caused by. Shrunk is the same in a ridge that predicts held-out deals best. Share of periods: those with the same sign. "
            "Stable: at least three of four, and no detectable difference between periods. A deviation is a standard deviation.",
            {
                "effect": "difference, points", "interval": "interval, points", "p_adjusted": "p, adjusted (Holm)",
                "shrunk": "shrunk, points", "same_sign": "share of periods", "p_heterogeneity": "p, periods",
            },
        ),
        "collinearity": Known(
            "How far the columns say the same",
            "Generalised variance inflation of each column, and how many times wider its intervals are for what it shares with the others: "
            "1 is nothing, beyond 2 the column can hardly be told from the others.",
            {"wider": "times wider"},
        ),
        "stability": Known(
            "Each association in each period",
            "The same differences from the deals of one period alone. Few deals make them jump: look for a change of sign that lasts.",
            {"effect": "difference, points", "interval": "interval, points"},
        ),
    },
    "effect": {
        "balance": Known(
            "Balance before and after",
            "Means of treated deals and of controls, and how far they differ in standard deviations, before and after adjustment; a "
            "difference beyond 0.1 either way is out of balance. A variance ratio of 1 and a Kolmogorov-Smirnov distance of 0 are alike.",
            {
                f"{name}_{when}": f"{words} {when}"
                for when in ("before", "after")
                for name, words in (("smd", "difference"), ("ks", "KS distance"), ("variance_ratio", "variance ratio"))
            },
        ),
        "overlap": Known(
            "Overlap of the scores", "Deals by their modelled chance of being treated: where one group is empty, nothing is compared.", {}
        ),
        "groups": Known(
            "Who is compared",
            "How many deals there are, how many are compared, what they are worth after weighting, and what share lies outside the "
            "other group's range.",
            {"effective": "effective number"},
        ),
        "outcomes": Known("Outcomes with and without", "Mean outcome of the deals whose effect is asked for.", {}),
        "dropped": Known(
            "Who is left out",
            "Means of the deals whose effect is asked for: of those that are compared, and of those without a match that is near enough, or "
            "trimmed. The difference is in standard deviations of all deals. The answer is not about those left out.",
            {"kept": "compared", "dropped": "left out"},
        ),
        "nuisances": Known(
            "Which models predict",
            "How much each model counts in the mixture that predicts who is treated and what outcomes would be, and how badly it predicts "
            "deals that it never saw: log loss of a chance, squared error of a number.",
            {"nuisance": "what is predicted", "learner": "model", "share": "share of the mixture", "loss": "loss, held out"},
        ),
        **{name: Known(*words) for name, words in HETEROGENEITY.items()},
        "event_study": Known(
            "The effect by time since adoption",
            "Before adoption (negative) the change from one period to the next beyond that of the controls, which parallel trends make nought; "
            "after it the effect. The bands hold at all times after adoption at once.",
            {
                "since": "periods since adoption", "low": "lower end", "high": "upper end", "band_low": "lower end of the band",
                "band_high": "upper end of the band",
            },
        ),
        "group_time": Known(
            "The effect on each cohort in each period",
            "A cohort is the groups that adopted in a period. What the means are made of; one alone says little.",
            {"cohort": "adopted in", "since": "periods since adoption", "low": "lower end", "high": "upper end"},
        ),
        "two_way": Known(
            "What two-way fixed effects would say",
            "A regression with an effect for each group and each period, for those who know it from elsewhere. It uses early adopters as "
            "controls, so that some treated deals count with the wrong sign; where effects grow or differ it misleads.",
            {"low": "lower end", "high": "upper end", "negative": "treated deals with the wrong sign, %"},
        ),
        "first_stage": Known(
            "What the instruments move",
            "By how many points the treatment moves with a unit of each instrument. The effective F says how strongly all of them do, and "
            "the next column what it must reach so that the estimate is hardly drawn to the plain difference.",
            {"moves": "moves by, points", "standard_error": "standard error", "effective_f": "effective F", "needed_f": "F that is needed"},
        ),
        "anderson_rubin": Known(
            "Effects that are not refuted",
            "Every effect that the test of Anderson and Rubin leaves, which holds however weak the instruments are. An end that is missing "
            "lies beyond all bounds.",
            {},
        ),
        "threshold": Known(
            "How far from the threshold is looked",
            "Widths in units of the score, deals within them on either side, and the effect by the lines alone and less its bias.",
            {
                "width": "width for the lines", "bias_width": "width for the bend", "below": "deals below", "above": "deals above",
                "line_alone": "by the lines alone", "corrected": "less its bias", "standard_error": "standard error",
                "treated_jump": "jump of the share treated, points", "treated_jump_error": "its standard error",
            },
        ),
        "score_bins": Known(
            "Outcomes by the score", "Means in bins of the score's distance from the threshold.",
            {"outcome": "mean outcome", "treated": "treated, %"},
        ),
    },
    "trial": {
        "arms": Known(
            "Arms",
            "What was randomised and what came of it. Degrees of freedom say how many independent units the interval rests on.",
            {"degrees": "degrees of freedom", "p_value": "p-value"},
        ),
        "decision": Known(
            "What the rule says",
            "The rule was written with the plan, before the data; it is applied to an answer of grade A only.",
            {},
        ),
        "calibration": Known(
            "Calibration card",
            "Arms were drawn anew among units that nothing was tried on, and each draw was analysed: every effect found there is a false "
            "alarm. The ends say where a right method may lie with units like these. With an effect of the margin's size put in: how often "
            "the interval holds it, and how often it is found.",
            {
                "false_alarms": "false alarms", "low": "lower end", "high": "upper end", "coverage_at_margin": "coverage at the margin",
                "power_at_margin": "power at the margin",
            },
        ),
        "clustering": Known(
            "How alike deals of one unit are", "The more alike, the fewer independent deals there are in effect.", {}
        ),
        "reps": Known("Units that were randomised", "One row a unit: its arm, its deals, and its own rate.", {}),
        **{name: Known(*words) for name, words in TRIAL.items()},
        "redrawn": Known(
            "Drawn anew",
            "How often the statistic was as far from zero as the observed one, in draws that chance could have made as well.",
            {"p_value": "p-value", "all_draws": "all that there are"},
        ),
        "looks": Known(
            "Looks at the trial",
            "The effect at each look with its repeated confidence interval. The bound is how many standard errors from zero, on the "
            "normal scale, stop the trial; the last column is the chance that a later look does if the present effect is the true one.",
            {
                "share": "planned share", "low": "lower end", "high": "upper end", "z": "standard errors from zero",
                "chance_later": "chance of stopping later", "futility": "futility bound",
            },
        ),
        "sequences": Known(
            "Confidence sequences",
            "p-values that may be looked at whenever one likes; the multiplier is the sequence's half width in standard errors, on the "
            "normal scale.",
            {"p_value": "p-value", "degrees": "degrees of freedom"},
        ),
    },
}  # fmt: skip


def known(kind: Kind, name: str) -> Known:
    """Return what is known of a table; its name and nothing more of one that is new."""
    there = TABLES[kind].get(name)
    return there or Known(name.replace("_", " ").capitalize(), "", {})


def consequence(check: Check, *, of_answer: bool) -> str:
    """Return what follows from a check; one about a method beside the answer leaves the answer as it is."""
    said = (_PASSED if check.passed else _FAILED)[check.severity]
    if check.undoes and not of_answer:
        return f"It concerns {check.method}, which stands beside the answer; the answer is not touched."
    return said


def result(check: Check) -> str:
    """Return a check's result in one word."""
    return "passed" if check.passed else "failed" if check.undoes else "note"


def purpose(kind: Kind, name: str) -> str:
    """Return the sentence that documents a check, or nothing for one that a method made itself."""
    owner = checks(kind).get(name)
    return (owner.__doc__ or "").partition("\n")[0] if owner else ""


def readable(name: str) -> str:
    """Return a file name or a column as words."""
    return name.replace("_", " ")
