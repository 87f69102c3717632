"""Claims made of recorded runs, and scored by later deals, as someone at the terminal does it."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from shutil import copytree

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from whywin import claiming
from whywin.cli import app
from whywin.tracking import ledger, open_store
from whywin.worlds.knobs import Market
from whywin.worlds.market import simulate

PLAN = """\
name: rates
question: {{kind: winrates, segments: [region], time: created}}
source: {{path: {path}}}
deals: {{won: [Won], lost: [Lost], open: [Open], known_on: 2023-12-31}}
methods:
  - hierarchical
  - observed
seed: 1
"""
EFFECT = """\
name: calls
question:
  kind: effect
  treatment: executive_call
  confounders: [engagement, champion]
  landmark_days: 14
source: {{path: {path}}}
deals: {{won: [Won], lost: [Lost], open: [Open], known_on: 2023-12-31}}
methods:
  - matching
checks:
  - placebo: {{refits: 5}}
seed: 1
"""


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory, template_store: Path) -> tuple[Path, Path]:
    """A folder with the deals and a store in which both plans have run, as of the end of 2023."""
    folder = tmp_path_factory.mktemp("claims")
    store = Path(copytree(template_store, folder / "mlruns"))
    simulate(Market(seed=3, deals=1500)).tables["deals"].to_csv(folder / "deals.csv", index=False)
    for name, text in (("rates", PLAN), ("calls", EFFECT)):
        (folder / f"{name}.yaml").write_text(text.format(path=folder / "deals.csv"), encoding="utf-8")
        ended = CliRunner().invoke(app, ["run", str(folder / f"{name}.yaml"), "--store", str(store), "-q"])
        assert ended.exit_code in {0, 1}, ended.output
    return folder, store


@pytest.fixture
def whywin(workshop: tuple[Path, Path], tmp_path: Path) -> Callable[..., Result]:
    """Call the command line on a copy of that store."""
    store = copytree(workshop[1], tmp_path / "mlruns")

    def call(*words: str) -> Result:
        return CliRunner().invoke(app, [*words, "--store", str(store)])

    return call


def test_a_rate_is_claimed_and_scored_by_later_deals(
    whywin: Callable[..., Result], workshop: tuple[Path, Path], tmp_path: Path
) -> None:
    """The number that decides is the plain win rate of the deals that closed in the window."""
    made = whywin("claim", "rates", "--due", "2024-03-31")
    assert made.exit_code == 0, made.output
    assert "from 2024-01-01 to 2024-03-31" in made.output
    assert "replay" in made.output

    whywin("score")
    claims = claiming.book(tmp_path / "mlruns")
    deals = pd.read_csv(workshop[0] / "deals.csv", parse_dates=["closed"])
    window = deals[deals["closed"].between("2024-01-01", "2024-03-31")]
    assert claims["found"].tolist() == [pytest.approx(100 * (window["outcome"] == "Won").mean())]
    assert claims["found_deals"].tolist() == [len(window)]
    assert claims["verdict"].tolist() == [
        "confirmed" if claims["low"][0] <= claims["found"][0] <= claims["high"][0] else "broken"
    ]


def test_an_effect_is_claimed_with_the_noise_of_both_estimates(whywin: Callable[..., Result], tmp_path: Path) -> None:
    """Its interval for a quarter's deals is wider than that of the estimate from a year's, at a lower level."""
    assert whywin("claim", "calls", "--due", "2024-03-31", "--level", "0.8").exit_code == 0
    run = claiming.tracking.recorded(open_store(tmp_path / "mlruns"), "calls").estimates.iloc[0]
    row = claiming.book(tmp_path / "mlruns").iloc[0]

    assert row["high"] - row["low"] > run["high"] - run["low"]
    assert row["deals"] < run["n"]
    whywin("score")
    assert claiming.book(tmp_path / "mlruns")["verdict"][0] in {"confirmed", "broken"}


def test_each_claim_and_score_is_a_run_in_mlflow(whywin: Callable[..., Result], tmp_path: Path) -> None:
    """They stand in an experiment of their own, the score below its claim, and are no runs of plans."""
    whywin("claim", "rates", "--due", "2024-03-31")
    whywin("score")
    store = open_store(tmp_path / "mlruns")

    assert [entry.kind for entry in ledger(store)] == ["claim", "score"]
    assert {run.name for run in claiming.tracking.latest(store)} == {"rates", "calls"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("rates", "--due", "2023-12-31"), "made before its deals exist"),
        (("rates", "--due", "2024-03-31", "--level", "1.5"), "level: must be between 0 and 1"),
        (("rates", "--due", "2024-03-31", "--segment", "region=Noth"), "did you mean 'region=North'?"),
        (("rates", "--due", "2024-03-31", "--quantity", "win rat"), "did you mean 'win rate'?"),
        (("calls", "--due", "2024-03-31", "--quantity", "lift"), "there are effect on the treated"),
        (("rats", "--due", "2024-03-31"), "rates"),
    ],
)
def test_what_cannot_be_claimed_is_refused(
    whywin: Callable[..., Result], tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    """One sentence with the way out, exit 2, and nothing is written."""
    ended = whywin("claim", *words)

    assert (ended.exit_code, said in ended.output) == (2, True), ended.output
    assert not ledger(open_store(tmp_path / "mlruns"))


def test_the_first_claim_counts(whywin: Callable[..., Result]) -> None:
    """The same number and window cannot be claimed again until it fits."""
    whywin("claim", "rates", "--due", "2024-03-31")
    again = whywin("claim", "rates", "--due", "2024-03-31", "--level", "0.99")

    assert (again.exit_code, "the first one counts" in again.output) == (2, True)


def test_deals_that_changed_since_the_run_are_no_ground_for_a_claim(
    whywin: Callable[..., Result], workshop: tuple[Path, Path]
) -> None:
    """A claim carries the fingerprint of its data, which must be those of the run."""
    path = workshop[0] / "deals.csv"
    text = path.read_text(encoding="utf-8")
    try:
        path.write_text(text.replace(",North,", ",South,"), encoding="utf-8")
        ended = whywin("claim", "rates", "--due", "2024-03-31")
    finally:
        path.write_text(text, encoding="utf-8")

    assert (ended.exit_code, "have changed since" in ended.output) == (2, True)


def test_a_claim_that_is_not_due_stays_open(whywin: Callable[..., Result], workshop: tuple[Path, Path], tmp_path: Path) -> None:
    """Deals that end before the window does decide nothing."""
    whywin("claim", "rates", "--due", "2024-03-31")
    deals = pd.read_csv(workshop[0] / "deals.csv", parse_dates=["closed"])
    deals[deals["closed"] < "2024-03-01"].to_csv(tmp_path / "early.csv", index=False)
    ended = whywin("score", str(tmp_path / "early.csv"))

    assert (ended.exit_code, "not scored" in ended.output) == (0, True)
    assert claiming.book(tmp_path / "mlruns")["verdict"].tolist() == ["open"]


def test_a_ledger_changed_in_the_store_is_refused(whywin: Callable[..., Result], tmp_path: Path) -> None:
    """Whoever edits the database by hand is seen, and nothing is built on it."""
    whywin("claim", "rates", "--due", "2024-03-31")
    with closing(sqlite3.connect(tmp_path / "mlruns/mlflow.db")) as database:
        (text,) = database.execute("SELECT value FROM tags WHERE key = 'ledger.entry'").fetchone()
        plain = json.loads(text)
        plain["content"]["low"] -= 10
        database.execute("UPDATE tags SET value = ? WHERE key = 'ledger.entry'", (json.dumps(plain),))
        database.commit()

    for words in (("ledger",), ("score",), ("claim", "calls", "--due", "2024-03-31")):
        ended = whywin(*words)
        assert (ended.exit_code, "was changed after it was written" in ended.output) == (2, True), ended.output


def test_an_exported_ledger_is_held_against_the_record(whywin: Callable[..., Result], tmp_path: Path) -> None:
    """A copy that was made stands for itself: unchanged it agrees, a changed line is named."""
    whywin("claim", "rates", "--due", "2024-03-31")
    copy = tmp_path / "ledger.jsonl"
    assert whywin("ledger", "--export", str(copy)).exit_code == 0
    assert whywin("ledger", "--verify", str(copy)).exit_code == 0

    copy.write_text(copy.read_text(encoding="utf-8").replace('"level": 0.8', '"level": 0.5'), encoding="utf-8")
    ended = whywin("ledger", "--verify", str(copy))
    assert (ended.exit_code, "entry 1: was changed" in ended.output) == (2, True)
    missing = whywin("ledger", "--verify", str(tmp_path / "none.jsonl"))
    assert (missing.exit_code, "cannot be read" in missing.output) == (2, True)
