"""Do the adjusting methods find what is known: of two studies that were done, of two benchmarks, and of real deals with planted treatments?"""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, doc
from scipy import special  # as a module: pickle finds a function of it under any name that it has

from whywin.effects.question import Effect
from whywin.errors import DataError
from whywin.fanning import values
from whywin.settings import check_settings
from whywin.stats.streams import stream

STATEMENT: Final = (
    "The doubly robust 95 % interval covers no less often than it says in IHDP, in ACIC 2016 and in IBM's deals with planted treatments, and "
    "there is nearer to the truth than the plain difference; where matching or weighting covers in fewer than 90 %, a check mostly says so. "
    "All adjusting methods put the weight that smokers gain by quitting at 3.2 to 3.7 kg. Against people outside LaLonde's trial each "
    "interval holds its 1,794 dollars or a check says that there is too little overlap, as it does for the income panel; that of the plain "
    "difference does not."
)
PROVEN: Final = "doubly robust"
LINEAR: Final = ("matching", "matching of three", "weighting")
NAIVE: Final = "difference"
BENCHMARKS: Final = ("ihdp", "acic", "ibm straight", "ibm bent")
TRIAL: Final = "lalonde, trial"
OUTSIDE: Final = ("lalonde, income panel", "lalonde, population survey")
CONTROLS: Final = dict(zip((TRIAL, *OUTSIDE), ("trial", "DAAG_nsw74psid1", "DAAG_cps1"), strict=True))
STUDIES: Final = (TRIAL, *OUTSIDE, "smokers", *BENCHMARKS)
GAINED: Final = (3.2, 3.7)  # kg; What If prints 3.4 and 3.5
DOLLARS: Final = 1794.34
DOUBTFUL: Final = 0.9
NOISE: Final = 1.0  # the standard deviation of both benchmarks' outcomes about their means
FILES: Final = 5
KEPT: Final[dict[str, pd.DataFrame]] = {}  # tables of this process; functools.cache cannot be sent to another
MISSING: Final = "{} has no folder benchmarks: set WHYWIN_DATA to the folder of real data, which holds benchmarks/ and crm/"


@dataclass(frozen=True)
class WithinStudy:
    """Settings of the experiment; each of the studies of LaLonde and of smokers is answered once."""

    ihdp: Annotated[int, Ge(5), doc("runs over its five files; after the first five the outcomes' noise is drawn anew")] = 150
    acic: Annotated[int, Ge(5), doc("runs over its five files, each of deals drawn from one, with noise of its own")] = 60
    acic_rows: Annotated[int, Ge(200), doc("rows drawn from a file of 4,802")] = 2000
    ibm: Annotated[int, Ge(2), doc("worlds of each kind: real deals with treatments and outcomes drawn")] = 100
    ibm_deals: Annotated[int, Ge(200), doc("deals of each of them, of 78,025")] = 2000
    splits: Annotated[int, Ge(1), doc("random splits of the cross-fitted methods; more take longer and wobble less")] = 1
    seed: Annotated[int, Ge(0), doc("what every random number starts from")] = 20_264
    processes: Annotated[int, Ge(1), doc("runs answered at the same time; the numbers do not depend on it")] = 2

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)


@dataclass(frozen=True, eq=False)
class Asked:
    """A table, what is asked of it, and the answer as it is known."""

    question: Effect
    table: pd.DataFrame
    truth: float


def simulate(settings: WithinStudy) -> pd.DataFrame:
    """Return one row a study and method: how far off it is on average, how often it covers, and how often a check doubts it."""
    folder()
    counts = {study: {"ihdp": settings.ihdp, "acic": settings.acic}.get(study, 1) for study in STUDIES}
    counts |= {study: settings.ibm for study in STUDIES if study.startswith("ibm")}
    jobs = [(study, number) for study, count in counts.items() for number in range(count)]
    answered = values(_answered, [(settings, [job]) for job in jobs], what="studies", usual=settings.processes)
    return summary(pd.DataFrame([row for batch in answered for row in batch]))


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return root mean squared error, bias and coverage of the runs by study and method, in the order of the studies."""
    found = []
    for (study, method), part in rows.groupby(["study", "method"], sort=False):
        off = part["estimate"] - part["truth"]
        width = float((part["high"] - part["low"]).mean())
        errors = {"truth": float(part["truth"].mean()), "bias": float(off.mean()), "rmse": math.sqrt(float((off**2).mean()))}
        shares = {name: float(part[name].mean()) for name in ("covered", "no_overlap", "unbalanced", "bent")}
        found.append({"study": study, "method": method, "runs": len(part), **errors, "width": width, **shares})
    return pd.DataFrame(found).sort_values("study", key=lambda names: names.map(STUDIES.index), kind="stable", ignore_index=True)


def verdict(table: pd.DataFrame) -> tuple[bool, str]:
    """Judge every part of the statement; coverage breaks it when it is short by more than two Monte Carlo errors."""
    by = table.set_index(["study", "method"])
    adjusting = [method for method in table["method"].unique() if method != NAIVE]
    held = all(_covers(by.loc[study, PROVEN]) for study in BENCHMARKS)
    held &= all(by.loc[(study, PROVEN), "rmse"] < by.loc[(study, NAIVE), "rmse"] for study in BENCHMARKS if study != "ihdp")
    for study in BENCHMARKS:
        wrong = [method for method in LINEAR if by.loc[(study, method), "covered"] < DOUBTFUL]
        held &= all(max(by.loc[(study, method), ["no_overlap", "bent"]]) > 0.5 for method in wrong)  # noqa: PLR2004 - more often than not
    smokers = by.loc["smokers", "truth"] + by.loc["smokers", "bias"]
    held &= all(GAINED[0] <= smokers[method] <= GAINED[1] for method in adjusting) and smokers[NAIVE] < GAINED[0]
    for study in (TRIAL, *OUTSIDE):
        held &= all(row["covered"] == 1 or row["no_overlap"] == 1 for method, row in by.loc[study].iterrows() if method != NAIVE)
        held &= (by.loc[(study, NAIVE), "covered"] == 1) == (study == TRIAL)
    held &= all(by.loc[(OUTSIDE[0], method), "no_overlap"] == 1 for method in (*LINEAR, PROVEN))
    held &= all(by.loc[(TRIAL, method), "no_overlap"] == 0 for method in (*LINEAR, PROVEN))
    return bool(held), "; ".join(_said(study, part) for study, part in table.groupby("study", sort=False)) + "."


def _covers(row: pd.Series) -> bool:
    return bool(row["covered"] + 2 * math.sqrt(0.95 * 0.05 / row["runs"]) >= 0.95)  # noqa: PLR2004 - the nominal level


def _said(study: Any, part: pd.DataFrame) -> str:
    once = int(part["runs"].iloc[0]) == 1
    told = [
        f"{row.method} {row.truth + row.bias:,.2f}{'' if row.covered else ' (does not hold it)'}"
        if once
        else f"{row.method} {100 * row.covered:.0f} % (error {row.rmse:.2f})"
        for row in part.itertuples()
    ]
    head = f"truth {part['truth'].iloc[0]:,.2f}" if once else f"covered in {part['runs'].iloc[0]} runs"
    return f"{study}, {head}: {', '.join(told)}"


def folder() -> Path:
    """Return the folder of real data; raise `DataError` where it is not there."""
    found = Path(os.environ.get("WHYWIN_DATA") or "../shared/data")
    if not (found / "benchmarks").is_dir():
        raise DataError(MISSING.format(found))
    return found


def read(name: str) -> pd.DataFrame:
    """Return one of the tables, read once a process; the plain CSV files of IHDP have no head."""
    if name not in KEPT:
        path = folder() / name
        plain = pd.read_csv(path, header=None if "ihdp" in name else "infer") if path.suffix == ".csv" else pd.read_parquet(path)
        KEPT[name] = plain
    return KEPT[name]


def lalonde(controls: str) -> Asked:
    """Trained workers beside those of the trial who were not, or beside people of a survey; earnings of 1978 in dollars."""
    names = {"treat": "trt", "nodegree": "nodeg"}
    table = read("benchmarks/lalonde/causaldata_nsw_mixtape.csv").rename(columns=names)
    if controls != "trial":
        others = read(f"benchmarks/lalonde/{controls}.csv")
        table = pd.concat([table[table["trt"] == 1], others[others["trt"] == 0]], ignore_index=True)
    age, educ = table["age"].astype(float), table["educ"].astype(float)
    idle = {"u74": (table["re74"] == 0).astype(float), "u75": (table["re75"] == 0).astype(float)}
    table = table.assign(age=age, educ=educ, age2=age**2, educ2=educ**2, **idle)
    given = ("age", "age2", "educ", "educ2", "marr", "nodeg", "black", "hisp", "re74", "re75", "u74", "u75")
    return Asked(Effect("trt", given, outcome="re78"), table, DOLLARS)


def smokers() -> Asked:
    """Quitters beside those who went on smoking; weight gained in kg; the confounders of What If."""
    table = read("benchmarks/nhefs/NHEFS.csv")
    table = table[table["wt82_71"].notna()].reset_index(drop=True)
    labels, numbers = ("education", "exercise", "active"), ("age", "smokeintensity", "smokeyrs", "wt71")
    more = {f"{name}2": table[name].astype(float) ** 2 for name in numbers}
    table = table.assign(**{name: table[name].astype(str) for name in labels}, **more)
    return Asked(Effect("qsmk", ("sex", "race", *labels, *numbers, *more), outcome="wt82_71", estimand="all"), table, 3.44)


def ihdp(number: int, rng: np.random.Generator) -> Asked:
    """One of five outcomes made for the children of a trial from which some were removed; the effect on all of them."""
    table = read(f"benchmarks/ihdp/ihdp_npci_{1 + number % FILES}.csv")
    columns = tuple(f"x{place}" for place in range(1, 26))
    table = table.set_axis(["z", "y", "other", "mu0", "mu1", *columns], axis=1)
    if number >= FILES:
        table = table.assign(y=np.where(table["z"] == 1, table["mu1"], table["mu0"]) + NOISE * rng.normal(size=len(table)))
    return Asked(Effect("z", columns, outcome="y", estimand="all"), table, float((table["mu1"] - table["mu0"]).mean()))


def acic(number: int, rows: int, rng: np.random.Generator) -> Asked:
    """Rows drawn without replacement from one of five made-up trials on 58 real covariates; the effect on all its treated."""
    covariates = read("benchmarks/acic2016/x.csv")
    table = pd.concat([covariates, read(f"benchmarks/acic2016/zymu_{1 + number % FILES}.csv")], axis=1)
    treated = table["z"] == 1
    truth = float((table["mu1"] - table["mu0"])[treated].mean())
    table = table.assign(y=np.where(treated, table["mu1"], table["mu0"]) + NOISE * rng.normal(size=len(table)))
    drawn = table.iloc[np.sort(rng.choice(len(table), size=min(rows, len(table)), replace=False))]
    return Asked(Effect("z", tuple(covariates.columns), outcome="y"), drawn.reset_index(drop=True), truth)


def deals(kind: str) -> pd.DataFrame:
    """Return IBM's deals with chances: of winning untreated as fitted to what they did, of being treated, and of winning treated.

    Promising deals are treated more often. In "bent" deals large and small ones are too, and they are won more often than fitted.
    """
    from whywin.stats.logistic import fitted

    if kind in KEPT:
        return KEPT[kind]
    labels = ("Region", "Route To Market", "Supplies Subgroup", "Competitor Type")
    sizes = ("Client Size By Revenue", "Client Size By Employee Count")
    raw = read("crm/ibm_sales_win_loss/ibm_sales_win_loss.parquet")
    size = np.log1p(raw["Opportunity Amount USD"].astype(float))
    size = np.clip((size - size.mean()) / size.std(), -2, 2).rename("size")
    numbers = pd.concat([raw[list(sizes)].astype(float), size], axis=1)
    dummies = pd.get_dummies(raw[list(labels)], drop_first=True, dtype=float)
    columns = np.column_stack([np.ones(len(raw)), numbers, dummies])
    line = columns @ fitted(columns, (raw["Opportunity Result"] == "Won").to_numpy(dtype=float)).coefficients
    promise = (line - line.mean()) / line.std()
    bend = 0.6 * (size**2 - 1) if kind == "bent" else 0.0
    liking = -0.9 + 0.8 * promise + bend
    chances = {"without": line + bend, "given": line + bend + 0.7 - 0.2 * promise, "treatment": liking}
    known = {name: special.expit(value) for name, value in chances.items()}
    KEPT[kind] = pd.concat([raw[list(labels)], numbers], axis=1).assign(**known)
    return KEPT[kind]


def ibm(kind: str, count: int, rng: np.random.Generator) -> Asked:
    """Real deals with treatment and outcome drawn; the effect on the treated of all, in points."""
    crowd = deals(kind)
    truth = 100 * float(np.average(crowd["given"] - crowd["without"], weights=crowd["treatment"]))
    drawn = crowd.iloc[rng.integers(len(crowd), size=count)].reset_index(drop=True)
    called = rng.uniform(size=count) < drawn["treatment"]
    won = rng.uniform(size=count) < np.where(called, drawn["given"], drawn["without"])
    given = tuple(name for name in crowd if name not in {"without", "given", "treatment"})
    return Asked(Effect("called", given), drawn.assign(called=called.astype(int), won=won.astype(float)), truth)


def asked_of(settings: WithinStudy, study: str, number: int, rng: np.random.Generator) -> Asked:
    """Return one run of a study: its table, the question, and the truth."""
    match study.split():
        case ["lalonde,", *_]:
            return lalonde(CONTROLS[study])
        case ["ihdp"]:
            return ihdp(number, rng)
        case ["acic"]:
            return acic(number, settings.acic_rows, rng)
        case ["ibm", kind]:
            return ibm(kind, settings.ibm_deals, rng)
        case _:
            return smokers()


def methods(settings: WithinStudy, study: str) -> dict[str, Any]:
    """Return what answers a study; the forest, which takes seconds, only those that are asked once."""
    from whywin.effects.methods.difference import Difference
    from whywin.effects.methods.double_ml import DoubleMl
    from whywin.effects.methods.doubly_robust import DoublyRobust
    from whywin.effects.methods.forest import Forest
    from whywin.effects.methods.matching import Matching
    from whywin.effects.methods.weighting import Weighting

    found = {
        NAIVE: Difference(),
        "matching": Matching(),
        "matching of three": Matching(neighbours=3, bias_adjustment=True),
        "weighting": Weighting(),
        PROVEN: DoublyRobust(splits=settings.splits),
        "double ml": DoubleMl(splits=settings.splits),
    }
    return found if study in BENCHMARKS else {**found, "forest": Forest(splits=settings.splits)}


def _answered(settings: WithinStudy, jobs: list[tuple[str, int]]) -> list[dict[str, object]]:
    return [row for study, number in jobs for row in _run(settings, study, number)]


def _run(settings: WithinStudy, study: str, number: int) -> Iterator[dict[str, object]]:
    from whywin.effects.checks.balance import Balance
    from whywin.effects.checks.functional_form import FunctionalForm
    from whywin.effects.checks.overlap import Overlap
    from whywin.evidence import Answered

    name = f"{study} {number}"
    asked = asked_of(settings, study, number, stream(settings.seed, name))
    question, table = asked.question, asked.table if "won" in asked.table else asked.table.assign(won=1.0)  # all are closed
    answers = []
    for label, method in methods(settings, study).items():
        sample = method.need(question).sample(table)
        evidence = method.answer(question, sample, stream(settings.seed, f"{name} {label}"))
        answers.append(Answered(label, method, sample, evidence))
    failed = {}
    for column, check in (("no_overlap", Overlap()), ("unbalanced", Balance()), ("bent", FunctionalForm())):
        found = check.check(question, answers, answers[1].sample, stream(settings.seed, f"{name} {column}"))
        failed[column] = {one.method for one in found if not one.passed}
    for answer in answers:
        row = answer.evidence.of(question.quantity)
        ends = {"truth": asked.truth, "estimate": row.value, "low": row.low, "high": row.high}
        doubts = {column: answer.label in labels for column, labels in failed.items()}
        covered = bool(row.low <= asked.truth <= row.high)
        yield {"study": study, "run": number, "method": answer.label, **ends, "covered": covered, **doubts}


if __name__ == "__main__":
    from whywin.experiment import conduct

    raise SystemExit(conduct(WithinStudy, STATEMENT, simulate, verdict))
