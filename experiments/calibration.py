"""Are the hierarchical model's posteriors those of the model it says it is? Simulation-based calibration."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, doc
from scipy.stats import binom, chisquare

from whywin.fanning import values
from whywin.settings import check_settings
from whywin.stats.streams import stream

STATEMENT: Final = (
    "Data made by the model at the cell sizes of the IBM sample give posteriors whose ranks are uniform and whose 50 % and 90 % "
    "intervals cover, by whichever engine is trusted."
)
# Deals by level of the three columns of the IBM sample of 78,025 opportunities (see configs/winrates/ibm.yaml).
MARGINS: Final = {
    "region": (21020, 15142, 9552, 9232, 8153, 7568, 7358),
    "route": (37262, 34758, 2856, 2530, 619),
    "subgroup": (15174, 13876, 9733, 9606, 9192, 7666, 5525, 3818, 2545, 609, 281),
}
CROSS: Final = (("region", "subgroup"), ("region", "route"), ("route", "subgroup"))
METHOD: Final = "hierarchical"  # whose model this is
BINS: Final = 10
SURE: Final = 0.001  # a fault must be this improbable by chance, over all quantities together


@dataclass(frozen=True)
class Calibration:
    """Settings of the experiment."""

    datasets: Annotated[int, Ge(20), doc("data sets drawn from the model")] = 240
    spread: Annotated[float, Gt(0), doc("scale of the half-normal prior of every standard deviation, in logits")] = 0.6
    width: Annotated[float, Gt(0), doc("prior standard deviation of the company's log odds")] = 1.0
    seed: Annotated[int, Ge(0), doc("what every random number starts from")] = 20_263
    processes: Annotated[int, Ge(1), doc("data sets fitted at the same time; the numbers do not depend on it")] = 4

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)


def simulate(settings: Calibration) -> pd.DataFrame:
    """Return one row a data set and quantity: the truth's rank among the draws (0 to 1), the engine, and its k-hat."""
    found = values(
        _dataset, [(settings, number) for number in range(settings.datasets)], what="data sets", usual=settings.processes
    )
    rows = [row for batch in found for row in batch]
    return pd.DataFrame(rows).sort_values(["dataset", "quantity"], ignore_index=True)


def verdict(table: pd.DataFrame) -> tuple[bool, str]:
    """Return whether no quantity's ranks or coverages are off beyond chance, and the worst of each."""
    ranks = [part["rank"].to_numpy() for _, part in table.groupby("quantity")]
    uniform = [float(chisquare(np.histogram(one, BINS, (0, 1))[0]).pvalue) for one in ranks]
    said, least = [], min(uniform)
    for level in (0.5, 0.9):
        shares = [float((np.abs(one - 0.5) < level / 2).mean()) for one in ranks]
        chances = [
            2 * min(binom.cdf(round(s * len(r)), len(r), level), binom.sf(round(s * len(r)) - 1, len(r), level))
            for s, r in zip(shares, ranks, strict=True)
        ]
        least = min(least, *chances)
        said.append(f"{100 * level:.0f} % intervals held {100 * min(shares):.1f} to {100 * max(shares):.1f} %")
    sets = table.drop_duplicates("dataset")
    fast = sets["engine"].eq("laplace").mean()
    says = (
        f"Over {len(ranks)} quantities and {len(sets)} data sets: {'; '.join(said)}; the least uniform ranks have p = {min(uniform):.3f}. "
        f"The fast engine was trusted in {100 * fast:.0f} % of the data sets (median k-hat {sets['khat'].median():.2f}), NUTS in the rest."
    )
    return least * 3 * len(ranks) > SURE, says


def _cells(rng: np.random.Generator) -> pd.DataFrame:
    share = 1.0
    for counts in MARGINS.values():
        share = np.multiply.outer(share, np.array(counts) / sum(counts))
    deals = rng.multinomial(sum(MARGINS["region"]), share.ravel())
    index = pd.MultiIndex.from_product(
        [[f"{k:02d}" for k in range(len(counts))] for counts in MARGINS.values()], names=list(MARGINS)
    )
    cells = pd.DataFrame({"deals": deals}, index=index).reset_index()
    return cells[cells["deals"] > 0].reset_index(drop=True)


def _dataset(settings: Calibration, number: int) -> list[dict[str, object]]:
    from whywin.winrates.fitting import fit
    from whywin.winrates.pieces import pieces_of
    from whywin.winrates.priors import Priors
    from whywin.winrates.sampling import Effort

    rng = stream(settings.seed, f"dataset {number}")
    cells, truth = _drawn(settings, rng)
    pieces = pieces_of(cells, list(MARGINS), CROSS)
    tree = fit(pieces, Priors(-1.2, settings.width, settings.spread), Effort(500, 800, 4, 0.95), rng)
    known = _quantities(tree, cells, rng)
    marks = {"method": METHOD, "dataset": number, "engine": tree.attrs["engine"], "khat": tree.attrs.get("khat", np.nan)}
    return [{**marks, "quantity": name, "rank": _rank(known[name], value, rng)} for name, value in truth.items()]


def _drawn(settings: Calibration, rng: np.random.Generator) -> tuple[pd.DataFrame, dict[str, float]]:
    """Draw a data set from the textbook model (independent effects, an intercept, one standard deviation a term)."""
    cells = _cells(rng)
    terms = [(name,) for name in MARGINS] + list(CROSS)
    sds = np.abs(rng.normal(0, settings.spread, len(terms)))
    base = -1.2 + rng.normal(0, settings.width)
    odds, own, truth = np.full(len(cells), base), np.zeros(len(cells)), {}
    for term, sd in zip(terms, sds, strict=True):
        codes = cells.groupby(list(term)).ngroup().to_numpy()
        effect = rng.normal(0, sd, codes.max() + 1)[codes]
        odds += effect
        own += effect * ("subgroup" in term)
        truth[f"sd of {' × '.join(term)}"] = float(sd)
    rate = 1 / (1 + np.exp(-odds))
    cells["won"] = rng.binomial(cells["deals"], rate)
    # A subgroup not seen yet, on the mix of deals that the sample has: its own effect and its two crossings' are new.
    for name, place in _places(cells).items():
        truth[name] = float(rate[place])
    one, other = (cells["region"] == "00").to_numpy(), (cells["region"] == "06").to_numpy()
    deals = cells["deals"].to_numpy(float)
    truth["region 00"] = float(deals[one] @ rate[one] / deals[one].sum())
    truth["region 00 against 06"] = truth["region 00"] - float(deals[other] @ rate[other] / deals[other].sum())
    truth["company"] = float(deals @ rate / deals.sum())
    truth["a new subgroup"] = _new_subgroup(cells, odds - own, sds, rng)
    return cells, truth


def _new_subgroup(cells: pd.DataFrame, odds: np.ndarray, sds: np.ndarray, rng: np.random.Generator) -> float:
    """The true rate of a subgroup without deals, on the sample's mix: `odds` are the cells' without their subgroups' effects."""
    mix = cells.assign(odds=odds).groupby(["region", "route"]).agg(deals=("deals", "sum"), odds=("odds", "first"))
    region, route = (pd.factorize(mix.index.get_level_values(name), sort=True)[0] for name in ("region", "route"))
    new = sds[2] * rng.normal() + rng.normal(0, sds[3], 7)[region] + rng.normal(0, sds[5], 5)[route]
    return float(mix["deals"].to_numpy() @ (1 / (1 + np.exp(-(mix["odds"].to_numpy() + new)))) / mix["deals"].sum())


def _places(cells: pd.DataFrame) -> dict[str, int]:
    order = cells["deals"].to_numpy().argsort(kind="stable")
    return {
        "rate of the smallest cell": int(order[0]),
        "rate of a middling cell": int(order[len(order) // 2]),
        "rate of the largest cell": int(order[-1]),
    }


def _quantities(tree: Any, cells: pd.DataFrame, rng: np.random.Generator) -> dict[str, np.ndarray]:
    from whywin.winrates.prediction import predicted
    from whywin.winrates.rates import cell_rates

    rates = np.concatenate(list(cell_rates(tree)))
    deals = cells["deals"].to_numpy(float)
    sd = tree.posterior["sd"].to_numpy().reshape(len(rates), -1)
    found = {f"sd of {term}": sd[:, k] for k, term in enumerate(tree.posterior["term"].to_numpy())}
    found |= {name: rates[:, place] for name, place in _places(cells).items()}
    one, other = ((cells["region"] == level).to_numpy() for level in ("00", "06"))
    found["region 00"] = rates[:, one] @ deals[one] / deals[one].sum()
    found["region 00 against 06"] = found["region 00"] - rates[:, other] @ deals[other] / deals[other].sum()
    found["company"] = rates @ deals / deals.sum()
    mix = cells.groupby(["region", "route"])["deals"].sum().reset_index()
    new = np.concatenate(list(predicted(tree, mix.assign(subgroup="(new)"), rng)))
    found["a new subgroup"] = new @ mix["deals"].to_numpy(float) / mix["deals"].sum()
    return found


def _rank(draws: np.ndarray, truth: float, rng: np.random.Generator) -> float:
    """The share of draws below the truth, ties broken at random, so that it is uniform when all is right."""
    below, equal = int((draws < truth).sum()), int((draws == truth).sum())
    return (below + rng.random() * (equal + 1)) / (len(draws) + 1)


if __name__ == "__main__":
    from whywin.experiment import conduct

    raise SystemExit(conduct(Calibration, STATEMENT, simulate, verdict))
