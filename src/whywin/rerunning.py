"""Repeating a recorded run from what was recorded of it, and saying whether the numbers are the same to the last bit."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from whywin import catalogue, config, runner, tracking
from whywin.errors import TrackingError
from whywin.tracking import Recorded

Notify = Callable[[str], None]
OF: Final = "rerun.of"  # the tag of a repetition: the run that it repeats
IDENTICAL: Final = "rerun.identical"
SAYS: Final = "rerun.says"
_PLAN: Final = "plan.yaml"


@dataclass(frozen=True, eq=False)
class Repetition:
    """A run that was repeated.

    Attributes:
        original: the run that was repeated.
        run: its repetition, as it was recorded.
        numbers: every number that is not the same to the last bit, as `tracking.numbers` gives them.
        says: whether they are the same, and why not, as far as the record can tell.
    """

    original: Recorded
    run: Recorded
    numbers: pd.DataFrame
    says: str

    @property
    def identical(self) -> bool:
        """Whether every number of the estimates and checks is the same to the last bit."""
        return not len(self.numbers)


def rerun(reference: str, *, store_root: Path, port: int, notify: Notify = lambda _: None) -> Repetition:
    """Repeat a run: its plan as it was recorded, on the deals where the plan finds them now, with as many threads.

    The repetition is a run of its own, tagged with the identifier of the original.

    Args:
        reference: the run, as `tracking.recorded` finds it; of a name, the newest that is no repetition itself.
        store_root: the folder of the record.
        port: of the MLflow UI, for links.
        notify: called with a few words before each step.

    Raises:
        TrackingError: there is no such run, it is no run of a plan, it did not finish, or what it takes to repeat it is gone.
        ConfigError: its plan cannot be read any more, such as without an environment variable that it names.
        DataError: its deals cannot be read any more, or break their contract now.
        QuestionError: the question does not fit the deals as they are now.
    """
    store = tracking.open_store(store_root, notify=notify)
    original = _original(store, reference)
    plan = config.load_plan(original.folder / _PLAN)
    notify("reading the deals again")
    given = runner.kept(plan, notify)
    fingerprint = original.tags.get("fingerprint", "")
    if fingerprint and given[0].fingerprint != fingerprint:
        notify("the deals are not those of the run any more; repeating it on these")
    tags = {name: original.tags[name] for name in ("config",) if name in original.tags}
    threads = original.tags.get("version.threads", "")
    with runner.computing_in(int(threads) if threads.isdigit() else None):
        done = runner.carry_out(
            plan,
            tags={**tags, OF: original.run_id},
            store_root=store_root,
            port=port,
            register=False,  # a repetition is no newer a model
            given=given,
            notify=notify,
        )
    made = tracking.recorded(store, done.run_id)
    unlike = tracking.numbers(original, made)
    repetition = Repetition(original, made, unlike, tracking.why(original, made, unlike))
    tracking.mark(store, made.run_id, {IDENTICAL: "yes" if repetition.identical else "no", SAYS: repetition.says})
    return repetition


def _original(store: tracking.Store, reference: str) -> Recorded:
    found = tracking.recorded(store, reference)
    if found.name == reference:  # a repetition has the plan's name too
        runs = tracking.latest(store, name=reference, limit=1000)
        found = next((run for run in runs if run.status == "FINISHED" and OF not in run.tags), found)
    kind, called = found.tags.get("kind", ""), f"{found.run_id[:8]} ({found.name})"
    if kind == "sweep":
        raise TrackingError(f"{called}: is a sweep of several plans: repeat one of its runs, or sweep again by whywin run")
    if kind not in catalogue.QUESTIONS:
        raise TrackingError(
            f"{called}: is no run of a plan but of kind {kind or 'unknown'}, and cannot be repeated by whywin rerun"
        )
    if found.status != "FINISHED":
        reason = found.tags.get("failure", "it did not finish")
        raise TrackingError(f"{called}: is {found.status}, not FINISHED ({reason}): there are no numbers to compare with")
    gone = [name for name in (_PLAN, "tables/estimates.json", "tables/checks.json") if not (found.folder / name).is_file()]
    if gone:
        raise TrackingError(
            f"{called}: {' and '.join(gone)} of it {'is' if len(gone) == 1 else 'are'} gone: run its config again"
        )
    return found
