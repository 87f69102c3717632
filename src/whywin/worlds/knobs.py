"""The knobs of a made-up market."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt, doc

from whywin.settings import check_settings


@dataclass(frozen=True)
class Market:
    """A market of deals that is simulated; the same settings give the same deals to the last bit.

    What is known when a deal is created (segments, rep, amount, engagement, champion) decides its chance and how long it
    takes; the chance does not depend on how long it takes beyond that, unless `lost_cycle_ratio` says so. Deals that are
    still open on the day of the export are therefore missing at random given their creation, and closed deals show the truth.
    With a `lost_cycle_ratio` other than 1 they do not: that is a market in which to see what censoring does.
    """

    seed: Annotated[int, Ge(0), doc("what the market's random numbers start from")] = 1
    deals: Annotated[int, Ge(50), doc("number of deals created, and of deals in the trial's table")] = 4000
    first_day: Annotated[date, doc("the day from which deals are created; moved to the first of its quarter")] = date(2023, 1, 1)
    quarters: Annotated[int, Ge(1), Le(40), doc("number of quarters in which deals are created")] = 6
    follow_up_days: Annotated[int, Ge(0), doc("days from the end of the last quarter to the export")] = 90
    reps: Annotated[int, Ge(2), doc("number of sales reps")] = 24
    rep_size_variation: Annotated[
        float, Ge(0), Le(3), doc("coefficient of variation of the deals per rep; below .01 they are equal")
    ] = 0.5
    win_rate: Annotated[float, Gt(0), Lt(100), doc("win rate of an average deal, in percent")] = 42.0
    known_strength: Annotated[
        float, Ge(0), doc("how strongly engagement, champion and size decide a deal; 0 makes all deals of a segment alike")
    ] = 1.0
    segment_sd: Annotated[float, Ge(0), doc("how far levels of a segment differ, as a standard deviation in logits")] = 0.25
    rep_sd: Annotated[float, Ge(0), doc("how far reps differ in skill, as a standard deviation in logits")] = 0.15
    quarter_sd: Annotated[
        float, Ge(0), doc("how far quarters of creation differ for all deals alike, as a standard deviation in logits")
    ] = 0.0
    shift_quarter: Annotated[int, Ge(0), doc("the quarter, counted from 1, in which rate and mix shift; 0 for none")] = 5
    rate_shift: Annotated[float, doc("change of every deal's chance from that quarter on, in logits")] = -0.35
    mix_shift: Annotated[float, Ge(0), Le(1), doc("share of deals that moves to the weakest lead source from then on")] = 0.15
    cycle_days: Annotated[float, Gt(1), Le(10_000), doc("median days from creation to closing")] = 40.0
    lost_cycle_ratio: Annotated[
        float, Gt(0), doc("how much longer lost deals take than won ones; other than 1, closed deals are not like the rest")
    ] = 1.0
    landmark_days: Annotated[int, Ge(0), doc("the age in days from which managers may bring an executive in")] = 14
    call_spread_days: Annotated[
        float,
        Ge(0),
        doc("days after that age within which about that share of the open deals gets the call; 0 for all calls on its day"),
    ] = 0.0
    treated_share: Annotated[float, Gt(0), Lt(1), doc("about what share of the deals open at that age gets the call")] = 0.3
    selection: Annotated[float, doc("how strongly managers choose the promising deals, in logits; 0 chooses at random")] = 1.0
    effect: Annotated[float, doc("what the call changes in an average deal, in logits")] = 0.45
    effect_variation: Annotated[float, doc("how much less it changes where there is a champion, in logits")] = 0.4
    trial_reps: Annotated[int, Ge(4), doc("number of reps in the alert trial")] = 40
    alert_effect: Annotated[float, doc("what a delivered alert changes, in logits")] = 0.4
    compliance: Annotated[float, Ge(0), Le(1), doc("share of the alerts that are delivered where they are assigned")] = 0.8
    teams: Annotated[int, Ge(6), doc("number of teams of the adoption table; a third of them never adopts")] = 48
    tool_effect: Annotated[
        float, Ge(-15), Le(15), doc("what a team's adoption of the tool changes at once, in points; a fifth more each quarter")
    ] = 8.0
    suggestion: Annotated[
        float, Ge(0), doc("how strongly a suggestion, made by chance, moves a rep to call an executive, in logits")
    ] = 2.0
    threshold: Annotated[float, Gt(5), Lt(95), doc("the risk score, of 0 to 100, from which an alert fires")] = 60.0
    fired_effect: Annotated[float, Ge(-20), Le(20), doc("what a fired alert changes at the threshold, in points")] = 12.0
    defects: Annotated[float, Ge(0), Le(0.5), doc("share of the deals that is given a defect of data entry")] = 0.0

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)
        object.__setattr__(self, "first_day", _quarter_start(self.first_day))


def _quarter_start(day: date) -> date:
    return date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
