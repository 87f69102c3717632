"""Win rates of cohorts whose deals have not all closed yet: open deals are forecast, and cohorts are compared at the same age."""

from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Annotated, ClassVar, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Le, Lt, doc
from scipy.special import logit

from whywin.deals.need import Columns
from whywin.errors import ConfigError, QuestionError
from whywin.evidence import Design, Evidence
from whywin.settings import check_settings
from whywin.winrates import maturity_tables as tables
from whywin.winrates.fitting import Engine, fit
from whywin.winrates.maturity import Integers, bands, chances, counted, endings, known_on
from whywin.winrates.priors import Priors
from whywin.winrates.question import WinRates
from whywin.winrates.sampling import Effort

CLOSING_LEVEL: Final = 2.0  # logits; the data tell the daily chance of closing to a few hundredths, so that this decides nothing


@dataclass(frozen=True)
class Maturity:
    """Win rates by cohort of creation with deals still open, won and lost as competing risks in discrete time, partially pooled.

    A cohort is a period of creation; the question's segments are not looked at. Win rates are won over decided deals, decided by the
    horizon: deals still open at that age count as neither. Open deals are taken to go on like deals of the same cohort that were
    open at the same age, and to be as likely to be seen whatever becomes of them (independent censoring).
    Sources: Prentice and Gloeckler (1978), Regression analysis of grouped survival data with application to breast cancer data,
    Biometrics 34, 57-67; Tutz and Schmid (2016), Modeling Discrete Time-to-Event Data, Springer, chapter 8; Aalen and Johansen (1978).
    """

    design: ClassVar[Design] = "description"

    as_of: Annotated[date | None, doc("the day up to which the table is known; the latest date in it when not given")] = None
    bands: Annotated[int, Ge(2), Le(50), doc("bands of ages, each with its own daily chance of closing")] = 10
    horizon_days: Annotated[
        int | None, Ge(1), doc("the age in days by which a deal counts as decided; the longest cycle in the table when not given")
    ] = None
    backtest_days: Annotated[
        tuple[int, ...],
        doc("days after a cohort's first day on which its forecast is compared with how it ended; none for no backtest"),
    ] = (30, 60, 90)
    backtest_cohorts: Annotated[int, Ge(0), doc("at most so many cohorts are judged, the latest of those that are decided")] = 8
    decided_percent: Annotated[
        float, Gt(0), Le(100), doc("percent of a cohort's deals that must be decided to judge its forecasts")
    ] = 95.0
    level_points: Annotated[
        float, Gt(0), doc("prior: standard deviation, in points, of the company's win rate about the observed one")
    ] = 25.0
    spread_points: Annotated[
        float,
        Gt(0),
        doc(
            "prior: cohorts, and ages at closing, differ in win rate by a standard deviation of this many points or less, two times in three"
        ),
    ] = 10.0
    closing_spread: Annotated[
        float, Gt(0), doc("prior: the same of the daily chance of closing, in logits: 1 is a factor of about 2.7")
    ] = 1.0
    engine: Annotated[Engine, doc("which engine draws, as in hierarchical; the backtest's forecasts too")] = "auto"
    draws: Annotated[int, Ge(100), doc("draws kept of each chain")] = 1500
    tune: Annotated[int, Ge(100), doc("draws of each chain spent on tuning, and thrown away")] = 800
    chains: Annotated[int, Ge(2), doc("independent chains; convergence is judged by comparing them")] = 4
    target_accept: Annotated[float, Gt(0.5), Lt(1), doc("how careful the sampler's steps are; more is slower and safer")] = 0.99

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)
        early = [age for age in self.backtest_days if age < 1]
        if early:
            raise ConfigError(
                f"backtest_days: must be at least 1, got {', '.join(map(str, early))}; a forecast needs deals to look at"
            )

    def need(self, question: WinRates) -> Columns:
        """Dates, outcome and cohort of every deal, open ones too."""
        if question.time != "created" or question.period is None:
            found = f"time: {question.time}" if question.time else "no time"
            raise QuestionError(f"maturity follows deals from their creation, the question has {found}; set time: created")
        return Columns(("created", "closed", "won", question.period), closed_only=False)

    def answer(self, question: WinRates, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return win rates in percent, changes in points, the cohorts' table and curves, and the backtest."""
        fitting, drawing, testing = rng.spawn(3)
        deals = sample.rename(columns={question.period: "cohort"}).dropna(subset=["created", "cohort"])
        deals = deals.assign(created=deals["created"].dt.normalize(), closed=deals["closed"].dt.normalize())
        today = _today(deals, self.as_of)
        known = known_on(deals, today)
        if known["won"].isna().all():
            raise QuestionError(f"as_of: no deal was closed by {today:%Y-%m-%d}; name a later day")
        cohorts = tuple(sorted(known["cohort"].astype(str).unique()))
        last = bands(known, self.bands, self.horizon_days)
        counts = counted(known, cohorts, last)
        effort = Effort(self.draws, self.tune, self.chains, self.target_accept)
        drawn = chances(counts, last, self.priors(counts), effort, fitting, partial(fit, engine=self.engine))
        ended = endings(known, cohorts, drawn, drawing)
        found = {
            "maturity": tables.maturity(question, known, cohorts, drawn, ended),
            "curves": tables.curves(question, known, cohorts, drawn),
            "backtest": self._backtest(question, deals, today, cohorts, last, testing),
        }
        rows = tables.estimates(question, known, cohorts, drawn, ended)
        return Evidence(rows, tables=found, posterior=drawn.joint())

    def priors(self, counts: pd.DataFrame) -> tuple[Priors, Priors]:
        """Return the priors of closing on a day and of winning, in logits, about what was observed on the whole."""
        exposed, won, lost = (float(counts[name].sum()) for name in ("exposed", "won", "lost"))
        rate = float(np.clip(won / (won + lost), 0.01, 0.99))
        point = 0.01 / (rate * (1 - rate))
        pace = float(logit((won + lost + 0.5) / (exposed + 1)))
        winning = Priors(float(logit(rate)), self.level_points * point, self.spread_points * point)
        return Priors(pace, CLOSING_LEVEL, self.closing_spread), winning

    def _backtest(
        self,
        question: WinRates,
        deals: pd.DataFrame,
        today: pd.Timestamp,
        cohorts: tuple[str, ...],
        last: Integers,
        rng: np.random.Generator,
    ) -> pd.DataFrame:
        """Refit what was known on days in the past, with fewer draws: a forecast's ends need no third figure."""
        effort = Effort(min(self.draws, 500), min(self.tune, 500), 2, self.target_accept)

        def forecast(then: pd.DataFrame, cohort: str) -> np.ndarray:
            counts = counted(then, cohorts, last)
            drawn = chances(
                counts,
                last,
                self.priors(counts),
                effort,
                rng,
                partial(fit, engine="nuts" if self.engine == "nuts" else "laplace"),
            )
            return endings(then, cohorts, drawn, rng).rate([cohorts.index(cohort)])

        known = known_on(deals, today)
        decided = (known["won"].notna() & (known["days"] <= last[-1])).groupby(known["cohort"]).mean()
        judged = [cohort for cohort in cohorts if 100 * decided[cohort] >= self.decided_percent]
        latest = tuple(judged[len(judged) - min(len(judged), self.backtest_cohorts) :])
        return tables.backtest(question, deals, today, self.backtest_days, latest, int(last[-1]), forecast)


def _today(deals: pd.DataFrame, as_of: date | None) -> pd.Timestamp:
    latest = max(deals["created"].max(), deals["closed"].max())
    return pd.Timestamp(latest if as_of is None else as_of)
