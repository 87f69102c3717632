"""Designing, assigning and registering a trial from the command line, and analysing it as it was assigned."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner, Result

from whywin import tracking
from whywin.cli import app
from whywin.config import load_plan
from whywin.sources import read
from whywin.studies import Run, study

REPS = 24
Whywin = Callable[..., Result]


def past_deals(reps: int = REPS, seed: int = 1) -> pd.DataFrame:
    """Return deals of some reps over forty weeks, each rep with a rate and a region of its own."""
    rng = np.random.default_rng(seed)
    count = rng.poisson(60, reps)
    rep = np.repeat(np.arange(reps), count)
    created = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 280, len(rep)), unit="D")
    won = rng.uniform(size=len(rep)) < rng.beta(8, 12, reps)[rep]
    return pd.DataFrame({
        "deal_id": [f"d{number}" for number in range(len(rep))], "rep": [f"r{number:02d}" for number in rep],
        "region": np.array(["north", "south"])[rep % 2], "created": created, "closed": created + pd.Timedelta(days=20),
        "outcome": np.where(won, "won", "lost"), "amount": rng.gamma(2, 500, len(rep)),
    })  # fmt: skip


def plan(**changes: object) -> dict[str, object]:
    """Return a plan of a trial on the file past.csv, with parts of its question changed."""
    question = {
        "kind": "trial", "arm": "arm", "control": "control", "unit": "rep", "margin": 5,
        "shares": [["control", 0.5], ["alert", 0.5]],
    }  # fmt: skip
    return {
        "name": "alerts", "question": question | changes, "source": {"path": "past.csv"}, "methods": ["fixed"],
        "design": {"worlds": 200}, "seed": 3,
    }  # fmt: skip


def written(values: dict[str, object], name: str = "alerts.yaml") -> Path:
    """Write a plan into the current folder."""
    path = Path(name)
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


@pytest.fixture
def whywin(store_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Whywin:
    """The command line in a folder with past deals and a store of its own."""
    monkeypatch.setenv("WHYWIN_STORE", str(store_root))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    past_deals().to_csv("past.csv", index=False)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def ledger(path: str = "alerts.ledger.csv") -> pd.DataFrame:
    """Return a ledger as it was written."""
    return pd.read_csv(path, dtype={"probability": float})


def files() -> set[str]:
    """Return the files of the current folder."""
    return {path.name for path in Path().iterdir()}


def test_a_design_is_judged_drawn_and_recorded(whywin: Whywin) -> None:
    """The sentence, the page with both curves, and a run with power by formula and by simulation."""
    done = whywin("design", written(plan(margin=14)))

    assert done.exit_code in {0, 1}, done.output
    page = Path(next(line for line in done.stdout.splitlines() if line.startswith("Page: ")).removeprefix("Page: "))
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg") == 4
    assert "://" not in text.replace("http://www.w3.org", "").replace("http://127.0.0.1", "")
    assert done.stdout.startswith("With 12 reps against 12")
    record = tracking.recorded(tracking.open_store(Path("mlruns")), "alerts design")
    assert 0 < record.metrics["design/power"] <= 1
    assert abs(record.metrics["design/power"] - record.metrics["design/power_simulated"]) < 0.15
    assert record.metrics["design/correlation"] == pytest.approx(0.05, abs=0.05)


def test_three_against_three_is_refused_by_the_design(whywin: Whywin) -> None:
    """A trial that can never reach its alpha ends with 1 and says so, whatever its power would be."""
    done = whywin("design", written(plan(margin=14)), "--set", "design.units=6")

    assert done.exit_code == 1
    assert "cannot decide anything" in done.stdout
    assert "FAILED reachable_alpha" in done.stdout
    assert "is 0.1, and 0.05 is asked for" in done.stdout


def test_a_design_needs_no_past_when_everything_is_given(whywin: Whywin) -> None:
    """With every number given no deals are read: a trial may be designed before there are any."""
    values = plan(margin=10)
    del values["source"]
    values["design"] = {
        "units": 40, "correlation": 0.05, "variation": 0.5, "deals_per_week": 3, "mean": 40, "worlds": 400,
    }  # fmt: skip
    done = whywin("design", written(values), "-q")

    assert done.exit_code == 1, done.output
    assert done.stdout.startswith("With 20 reps against 20 over 12 weeks an effect of 10 points")


def test_everything_a_design_lacks_is_said_at_once(whywin: Whywin) -> None:
    """Without deals every number that is missing is named, exit 2, and nothing is recorded."""
    values = plan(margin=0)
    del values["source"]
    done = whywin("design", written(values))

    assert done.exit_code == 2
    for name in ("effect", "units", "correlation", "variation", "deals_per_week", "mean"):
        assert f"design.{name}: missing" in done.stderr
    assert not list(Path("mlruns").glob("artifacts/**/page.html"))


def test_repeating_an_assignment_changes_nothing(whywin: Whywin) -> None:
    """The second time the ledger is the same to the last byte, whenever it is done."""
    path = written(plan(strata=["region"]))
    assert whywin("assign", path).exit_code == 0
    before = Path("alerts.ledger.csv").read_bytes()
    done = whywin("assign", path)

    assert "nothing was changed" in done.stdout
    assert Path("alerts.ledger.csv").read_bytes() == before


@pytest.mark.parametrize("scheme", ["simple", "stratified", "pairs", "constrained"])
def test_a_unit_never_moves_when_others_come(scheme: str, whywin: Whywin) -> None:
    """New reps are added behind the others; every old row is as it was, under every scheme."""
    balance = ["won", "deals"] if scheme in {"pairs", "constrained"} else []
    path = written(plan(strata=["region"], assignment={"scheme": scheme, "balance": balance}))
    assert whywin("assign", path).exit_code == 0
    before = Path("alerts.ledger.csv").read_text(encoding="utf-8")
    past_deals(reps=REPS + 5).to_csv("past.csv", index=False)
    done = whywin("assign", path)

    after = Path("alerts.ledger.csv").read_text(encoding="utf-8")
    assert done.exit_code == 0, done.output
    assert "5 reps were assigned; 29 in all" in done.stdout
    assert after.startswith(before)


def test_two_machines_assign_alike(whywin: Whywin) -> None:
    """The same plan and units give the same arms in any folder; another salt or seed gives others."""
    path = written(plan())
    arms = {}
    for name, changes in {"one": [], "two": [], "salt": ["question.assignment.salt=x"], "seed": ["seed=4"]}.items():
        words = [word for change in changes for word in ("--set", change)]
        assert whywin("assign", path, "--ledger", f"{name}.csv", *words).exit_code == 0
        arms[name] = ledger(f"{name}.csv")["arm"].tolist()

    assert arms["one"] == arms["two"]
    assert arms["one"] != arms["salt"]
    assert arms["one"] != arms["seed"]


def test_strata_and_pairs_are_split_evenly(whywin: Whywin) -> None:
    """Within each region half of the reps are treated, and in each pair one of two."""
    assert whywin("assign", written(plan(strata=["region"]))).exit_code == 0
    counts = ledger().groupby("stratum")["arm"].value_counts().unstack()
    assert (counts == 6).all().all()

    paired = plan(assignment={"scheme": "pairs", "balance": ["won", "deals"]})
    assert whywin("assign", written(paired), "--ledger", "pairs.csv").exit_code == 0
    found = ledger("pairs.csv").groupby("stratum")["arm"].agg(["size", "nunique"])
    assert found.to_numpy().tolist() == [[2, 2]] * 12


def test_a_ledger_is_not_continued_by_another_design(whywin: Whywin) -> None:
    """When shares, salt or scheme were changed, the ledger stays as it is, and the way out is said."""
    path = written(plan())
    assert whywin("assign", path).exit_code == 0
    before = Path("alerts.ledger.csv").read_bytes()
    done = whywin("assign", path, "--set", "question.assignment.salt=other")

    assert done.exit_code == 2
    assert "a unit never moves" in done.stderr
    assert Path("alerts.ledger.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shares": []}, ["question.shares: missing"]),
        ({"shares": [["control", 1.0]]}, ["one arm only"]),
        ({"shares": [["control", 0.5], ["alert", 0.5], ["call", 0]]}, ["call would get no unit"]),
        ({"shares": [["control", 0.6], ["alert", 0.6]]}, ["must sum to 1"]),
        ({"shares": [["none", 0.5], ["alert", 0.5]]}, ["the control arm 'control' has no share"]),
        ({"unit": "seller"}, ["the deals have no column 'seller'"]),
        ({"strata": ["regoin"]}, ["no column 'regoin'", "did you mean 'region'"]),
        ({"strata": ["outcome"]}, ["outcome changes within"]),
        ({"shares": [["control", 0.97], ["alert", 0.03]]}, ["arm 'alert' would get", "and needs 2"]),
        ({"assignment": {"scheme": "pairs"}}, ["needs what the units had before"]),
        ({"assignment": {"scheme": "constrained", "balance": ["region"]}}, ["region must be a number"]),
        ({"assignment": {"scheme": "constrained", "balance": ["empty"]}}, ["empty is missing in every deal"]),
        ({"looks": [["2024-05-01", 0.0], ["2024-06-01", 1.2]]}, ["above 0 and at most 1"]),
        ({"unit": "nobody"}, ["nobody is missing in every deal"]),
    ],
)  # fmt: skip
def test_a_plan_that_cannot_be_assigned_writes_nothing(changes: dict[str, object], words: list[str], whywin: Whywin) -> None:
    """Each mistake is one message with the way out, exit 2, and no file."""
    past_deals().assign(nobody=None, empty=np.nan).to_csv("past.csv", index=False)
    path = written(plan(**changes))
    before = files()
    done = whywin("assign", path)

    assert done.exit_code == 2, done.output
    for word in words:
        assert word in done.stderr
    assert files() == before


def test_a_ledger_with_a_unit_in_both_arms_is_refused(whywin: Whywin) -> None:
    """A ledger in which somebody put a rep twice is not continued."""
    path = written(plan())
    assert whywin("assign", path).exit_code == 0
    lines = Path("alerts.ledger.csv").read_text(encoding="utf-8").splitlines()
    flipped = lines[1].replace("control", "x").replace("alert", "control").replace("x", "alert")
    Path("alerts.ledger.csv").write_text("\n".join([*lines, flipped]) + "\n", encoding="utf-8")
    done = whywin("assign", path)

    assert done.exit_code == 2
    assert "stand in it twice, such as r00" in done.stderr


def test_a_second_stage_treats_its_share_of_deals(whywin: Whywin) -> None:
    """Of the reps at one half about half of the deals are treated, of control none; deals that come later move none."""
    saturation = [["half", 0.5], ["full", 1.0]]
    shares = [["control", 0.34], ["half", 0.33], ["full", 0.33]]
    path = written(plan(shares=shares, assignment={"saturation": saturation}))
    assert whywin("assign", path, "--deals", "deals.csv").exit_code == 0
    found = pd.read_csv("deals.csv").merge(ledger()[["rep", "arm"]], on="rep")
    treated = found.groupby("arm")["treated"].mean()

    assert treated["control"] == 0
    assert treated["full"] == 1
    assert treated["half"] == pytest.approx(0.5, abs=0.06)
    more = past_deals()
    pd.concat([more.iloc[:-30], more.iloc[-30:].assign(deal_id=[f"n{i}" for i in range(30)])]).to_csv("past.csv", index=False)
    assert whywin("assign", path, "--deals", "later.csv").exit_code == 0
    both = pd.read_csv("deals.csv").merge(pd.read_csv("later.csv"), on="deal_id")
    assert len(both) == len(more) - 30
    assert (both["treated_x"] == both["treated_y"]).all()


def test_a_plan_is_registered_once(whywin: Whywin) -> None:
    """Registering it again writes nothing; a changed plan is a further entry; what does not settle anything is not in the hash."""
    path = written(plan())
    assert "registered, entry 1" in whywin("register", path).stdout
    before = Path("alerts.register.jsonl").read_bytes()
    again = whywin("register", path, "--set", "description=other words")

    assert "was registered already" in again.stdout
    assert Path("alerts.register.jsonl").read_bytes() == before
    assert "registered, entry 2" in whywin("register", path, "--set", "question.margin=3").stdout
    assert Path("alerts.register.jsonl").read_bytes().startswith(before)


def test_a_register_that_was_changed_is_found_out(whywin: Whywin) -> None:
    """Whoever edits an entry breaks its hash: nothing is registered or run on it any more."""
    path = written(plan())
    assert whywin("register", path).exit_code == 0
    text = Path("alerts.register.jsonl").read_text(encoding="utf-8")
    entry = json.loads(text)
    entry["document"]["question.margin"] = 1
    Path("alerts.register.jsonl").write_text(json.dumps(entry) + "\n", encoding="utf-8")

    for command in ("register", "run"):
        done = whywin(command, path)
        assert done.exit_code == 2
        assert "was changed after it was written" in done.stderr


def test_only_trials_are_designed_assigned_and_registered(whywin: Whywin) -> None:
    """A plan of another kind ends with 2 and says why."""
    values = {
        "name": "rates",
        "question": {"kind": "winrates", "segments": ["region"]},
        "source": {"path": "past.csv"},
        "methods": ["observed"],
    }
    for command in ("design", "assign", "register"):
        done = whywin(command, written(values, "rates.yaml"))
        assert done.exit_code == 2
        assert "question.kind" in done.stderr
    assert not Path("rates.register.jsonl").exists()


def trial_deals(path: str, effect: float) -> None:
    """Write the past deals and those of the trial, whose treated reps win more often."""
    before = past_deals()
    rng = np.random.default_rng(9)
    later = past_deals(seed=2)
    arms = ledger().set_index("rep")["arm"]
    lift = later["rep"].map(arms).eq("alert") & later["outcome"].eq("lost") & (rng.uniform(size=len(later)) < effect)
    later = later.assign(
        deal_id=[f"t{number}" for number in range(len(later))], created=later["created"] + pd.Timedelta(days=365),
        closed=later["closed"] + pd.Timedelta(days=365), outcome=later["outcome"].mask(lift, "won"),
    )  # fmt: skip
    pd.concat([before, later]).to_csv(path, index=False)


def analysed(path: Path, *overrides: str) -> Run:
    """Return the run of a config, held to its register."""
    from whywin.registering import held_to_register

    trial = held_to_register(load_plan(path, overrides), path)
    return study(trial, read(trial.source).frame)


def test_a_trial_is_analysed_as_it_was_assigned_and_registered(whywin: Whywin) -> None:
    """From assignment to decision: the ledger joined to the deals, its own draws, no drift, a card from the time before."""
    assignment = {"scheme": "constrained", "balance": ["won", "deals"]}
    values = plan(assignment=assignment, decision={"ship": "above_zero", "stop": "below_zero"}, margin=6)
    values["question"] |= {"start": "2024-12-31"}  # type: ignore[operator]
    values["methods"] = ["fixed", "randomization", "adjusted"]
    path = written(values)
    assert whywin("assign", path).exit_code == 0
    values["source"] = {"path": "past.csv", "join": [{"path": "alerts.ledger.csv", "on": "rep"}]}
    path = written(values)
    assert whywin("register", path).exit_code == 0
    trial_deals("past.csv", effect=0.35)

    run = analysed(path)
    checks = {(check.name, check.method): check for check in run.all_checks}
    card = run.headline.tables["calibration"].set_index("method")

    assert checks["plan_drift", ""].passed
    assert "1,4" in checks["calibration_card", "fixed"].says
    assert "before the trial" in checks["calibration_card", "fixed"].says
    assert card.loc["adjusted", "power_at_margin"] > 0
    assert run.headline.tables["decision"]["verdict"].tolist() == ["ship"]
    assert "By the rule written beforehand: ship alert" in run.answer
    assert run.evidence["randomization"].estimates[0].low > 0


def test_departures_from_the_registered_plan_are_listed(whywin: Whywin) -> None:
    """Another margin, another first method and a new segment are three departures; the run is not sound any more."""
    assert whywin("assign", written(plan())).exit_code == 0
    values = plan()
    values["source"] = {"path": "past.csv", "join": [{"path": "alerts.ledger.csv", "on": "rep"}]}
    path = written(values)
    assert whywin("register", path).exit_code == 0

    quiet = next(check for check in analysed(path).checks if check.name == "plan_drift")
    run = analysed(path, "question.margin=1", "question.level=0.9")
    drift = next(check for check in run.checks if check.name == "plan_drift")

    assert quiet.passed
    assert (drift.passed, drift.severity, drift.value) == (False, "serious", 2.0)
    assert "question.margin: registered 5" in drift.says
    assert "now 1" in drift.says
    assert not run.sound


def test_a_plan_that_was_never_registered_is_a_note(whywin: Whywin) -> None:
    """Nobody is forced to register, but the reader is told."""
    assert whywin("assign", written(plan())).exit_code == 0
    values = plan()
    values["source"] = {"path": "past.csv", "join": [{"path": "alerts.ledger.csv", "on": "rep"}]}
    drift = next(check for check in analysed(written(values)).checks if check.name == "plan_drift")

    assert (drift.passed, drift.severity) == (False, "note")
    assert not drift.undoes


def test_balanced_draws_need_the_ledger(whywin: Whywin) -> None:
    """A constrained assignment cannot be drawn anew without what it was balanced on: the run is refused and says what to join."""
    values = plan(assignment={"scheme": "constrained", "balance": ["won"]})
    past_deals().assign(arm=lambda d: np.where(d["rep"] < "r12", "alert", "control")).to_csv("past.csv", index=False)
    done = whywin("run", written(values))

    assert done.exit_code == 2
    assert "before_won" in done.stderr
