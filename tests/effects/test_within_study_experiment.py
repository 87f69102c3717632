"""The experiment on studies whose answers are known: its tables, its truths and its verdict; and the configs of two of them."""

from collections.abc import Callable
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from whywin.config import load_plan
from whywin.deals.read import keep_contract
from whywin.effects.question import Effect
from whywin.errors import DataError
from whywin.sources import read

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def within() -> SimpleNamespace:
    """The script, without conducting it."""
    return SimpleNamespace(**run_path(str(ROOT / "experiments" / "within_study.py")))


@pytest.fixture
def there(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real data, where the script looks for them."""
    monkeypatch.setenv("WHYWIN_DATA", str(shared / "data"))


def test_without_the_data_it_says_what_to_set(within: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without the tables is the caller's mistake: one sentence with the variable."""
    monkeypatch.setenv("WHYWIN_DATA", str(tmp_path))

    with pytest.raises(DataError, match="set WHYWIN_DATA to the folder of real data"):
        within.simulate(within.WithinStudy())


@pytest.mark.usefixtures("there")
def test_the_truths_of_the_benchmarks_are_the_published_ones(within: SimpleNamespace) -> None:
    """Mean effects of the five files of IHDP on all, and of the five of ACIC 2016 on the treated."""
    rng = np.random.default_rng(0)

    assert [within.ihdp(number, rng).truth for number in range(5)] == pytest.approx([4.016, 4.051, 4.099, 4.274, 4.162], abs=6e-4)
    assert [within.acic(number, 300, rng).truth for number in range(5)] == pytest.approx(
        [2.722, 4.679, 4.752, 4.683, 3.447], abs=6e-4
    )


@pytest.mark.usefixtures("there")
def test_noise_is_drawn_anew_and_the_files_stand_first(within: SimpleNamespace) -> None:
    """The first five runs of IHDP are its files as they came; later ones differ by noise of one standard deviation about the same means."""
    first, later = (within.ihdp(number, np.random.default_rng(1)).table for number in (2, 7))
    mean = np.where(later["z"] == 1, later["mu1"], later["mu0"])

    assert first["y"].equals(within.read("benchmarks/ihdp/ihdp_npci_3.csv")[1].rename("y"))
    assert later["mu0"].equals(first["mu0"])
    assert (later["y"] - mean).std() == pytest.approx(1.0, abs=0.1)


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize("kind", ["straight", "bent"])
def test_planted_treatments_confound_real_deals(within: SimpleNamespace, kind: str) -> None:
    """Among all deals those likely to be treated are likelier to be won without it, and the truth is the effect on the treated."""
    crowd = within.deals(kind)
    asked = within.ibm(kind, 4000, np.random.default_rng(0))
    known = asked.table[asked.table["called"] == 1]

    assert np.corrcoef(crowd["treatment"], crowd["without"])[0, 1] > 0.3
    assert 0.15 < crowd["treatment"].mean() < 0.45
    assert asked.truth == pytest.approx(100 * (known["given"] - known["without"]).mean(), abs=0.5)
    assert not {"given", "without", "treatment"} & set(asked.question.confounders)


@pytest.mark.usefixtures("there")
def test_a_run_has_a_row_for_each_method(within: SimpleNamespace) -> None:
    """Each method answers, a row covers just when the truth lies within its interval, and the same run gives the same numbers."""
    settings = within.WithinStudy(ibm_deals=400)
    rows, again = (pd.DataFrame(within._run(settings, "ibm straight", 0)) for _ in range(2))

    assert list(rows["method"]) == list(within.methods(settings, "ibm straight"))
    assert (rows["covered"] == rows["truth"].between(rows["low"], rows["high"])).all()
    assert rows.equals(again)
    assert len(within.summary(rows)) == len(rows)


def holding(within: SimpleNamespace) -> pd.DataFrame:
    """A table in which every part of the statement holds."""
    rows = []
    for study in within.STUDIES:
        once = study not in within.BENCHMARKS
        for method in (within.NAIVE, *within.LINEAR, within.PROVEN, "double ml"):
            naive = method == within.NAIVE
            row = {"study": study, "method": method, "runs": 1 if once else 100, "truth": 3.44, "bias": -0.9 if naive else 0.0}
            row |= {"rmse": 0.9 if naive else 0.1, "covered": float(not naive or study == within.TRIAL) if once else 0.95}
            rows.append({**row, "no_overlap": float(study == within.OUTSIDE[0] and not naive), "bent": 0.0})
    return pd.DataFrame(rows)


def changed(within: SimpleNamespace, study: str, method: str, **values: float) -> pd.DataFrame:
    """The same table with other numbers of one study and method."""
    table = holding(within)
    table.loc[(table["study"] == study) & (table["method"] == method), list(values)] = list(values.values())
    return table


def test_the_verdict_on_known_studies_can_hold(within: SimpleNamespace) -> None:
    """Where every part of the statement holds, it does, and the sentence tells each study."""
    held, says = within.verdict(holding(within))

    assert held
    assert all(study in says for study in within.STUDIES)


@pytest.mark.parametrize(
    ("study", "method", "values", "held"),
    [
        ("ihdp", "doubly robust", {"covered": 0.90}, False),
        ("acic", "doubly robust", {"rmse": 0.95}, False),
        ("acic", "weighting", {"covered": 0.5}, False),
        ("acic", "weighting", {"covered": 0.5, "bent": 0.9}, True),
        ("ibm bent", "double ml", {"covered": 0.5}, True),
        ("smokers", "weighting", {"bias": 0.3}, False),
        ("smokers", "difference", {"bias": 0.0}, False),
        ("lalonde, population survey", "matching", {"covered": 0.0}, False),
        ("lalonde, population survey", "matching", {"covered": 0.0, "no_overlap": 1.0}, True),
        ("lalonde, population survey", "difference", {"covered": 1.0}, False),
        ("lalonde, income panel", "doubly robust", {"no_overlap": 0.0}, False),
        ("lalonde, trial", "matching", {"no_overlap": 1.0}, False),
    ],
)
def test_the_verdict_on_known_studies_can_turn_out_false(
    within: SimpleNamespace, study: str, method: str, values: dict[str, float], held: bool
) -> None:
    """Each part of the statement can break it by itself, and what is not claimed cannot."""
    assert within.verdict(changed(within, study, method, **values))[0] is held


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize(("name", "closed", "treated"), [("nhefs", 1629, 428), ("lalonde", 2675, 185)])
def test_a_config_asks_for_an_outcome_that_is_not_won(name: str, closed: int, treated: int) -> None:
    """Kilograms and dollars can be asked for by a config: another column says that a row is closed, and the question fits the table."""
    plan = load_plan(ROOT / "configs" / "effects" / f"{name}.yaml")
    table = keep_contract(read(plan.source).frame, plan.deals).table

    assert isinstance(plan.question, Effect)
    assert plan.question.faults(table) == []
    assert int(table["won"].notna().sum()) == closed
    assert int(table[plan.question.treatment].sum()) == treated


@pytest.mark.usefixtures("there")
def test_the_config_of_quitters_finds_the_books_number(answered: Callable) -> None:
    """By weighting on what the config names the gain is 3.2 to 3.7 kg, and its unit is that of the column."""
    plan = load_plan(ROOT / "configs" / "effects" / "nhefs.yaml")
    table = keep_contract(read(plan.source).frame, plan.deals).table
    row = answered(plan.methods["weighting"], plan.question, table).of("effect on all deals")

    assert 3.2 <= row.value <= 3.7
    assert (row.unit, row.n) == ("number", 1566)
