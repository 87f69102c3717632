"""A fitted model by itself: what it says of deals, old and new, and that a folder keeps it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from whywin.deals.derived import with_derived
from whywin.deals.need import banded, cut, edges_of
from whywin.errors import DataError, QuestionError
from whywin.winrates.methods.hierarchical import Hierarchical
from whywin.winrates.model import FittedModel, fitted_model, predicts
from whywin.winrates.question import WinRates
from whywin.winrates.rates import cell_rates


@pytest.fixture(scope="session")
def amounts(deals: pd.DataFrame) -> pd.DataFrame:
    """The deals with an amount on which the rate depends, and a region by number of which some are missing."""
    code = deals["region"].map({"East": 1.0, "North": 2.0, "West": 3.0}).where(deals.index % 50 != 0)
    return deals.assign(code=code)


@pytest.fixture(scope="session")
def model(amounts: pd.DataFrame) -> FittedModel:
    """Region crossed with product, codes, quarters, and bands of amounts, by the fast engine."""
    question = WinRates(
        ("region", "product", "code"), cross=(("region", "product"),), time="created", covariates=("amount",), level=0.9
    )
    method = Hierarchical(engine="laplace")
    need = method.need(question)
    tree = method.answer(question, need.sample(amounts), np.random.default_rng(1)).posterior
    return fitted_model(need, amounts, tree, question.level, seed=1)


def width(found: pd.DataFrame) -> pd.Series:
    """Widths of intervals in points."""
    return found["high"] - found["low"]


def test_deals_of_the_fit_get_the_rates_of_their_cells(model: FittedModel, amounts: pd.DataFrame) -> None:
    """Where nothing is new, a deal's rate and interval are the posterior's of its cell, and nothing is called unseen."""
    closed = amounts[amounts["won"].notna()]
    need = Hierarchical().need(WinRates(("region", "product", "code"), time="created", covariates=("amount",)))
    draws = 100 * np.concatenate(list(cell_rates(model.tree)))
    ends = np.quantile(draws, [0.05, 0.95], axis=0)
    cells = need.sample(amounts).assign(rate=draws.mean(axis=0), low=ends[0], high=ends[1])
    labels = with_derived(closed, need.by).assign(
        amount=banded(closed["amount"], need.bands), code=closed["code"].astype("string").fillna("(missing)")
    )
    expected = labels[list(need.by)].merge(cells, on=list(need.by), how="left")

    found = model.predict(closed)

    assert found.index.equals(closed.index)
    assert set(found["unseen"]) == {""}
    for name in ("rate", "low", "high"):
        assert found[name].to_numpy() == pytest.approx(expected[name].to_numpy(), abs=1e-9)


def test_an_unseen_level_is_wider_than_any_seen_one(model: FittedModel, amounts: pd.DataFrame) -> None:
    """A new region has the interval of a level that could be anything its dimension allows, and is named."""
    deal = amounts.iloc[[3]]
    seen = pd.concat([deal.assign(region=name) for name in ("East", "North", "West")])

    new = model.predict(deal.assign(region="Atlantis"))

    assert new["unseen"].item() == "region"
    assert width(new).item() > width(model.predict(seen)).max()


def test_the_next_quarter_is_less_sure_than_the_last_and_the_one_after_less_still(
    model: FittedModel, amounts: pd.DataFrame
) -> None:
    """The walk over quarters goes on: the farther ahead, the wider."""
    deal = amounts.iloc[[3]]
    days = pd.to_datetime(["2024-06-20", "2024-07-20", "2025-02-01"])

    found = model.predict(pd.concat([deal.assign(created=day) for day in days]))

    assert found["unseen"].tolist() == ["", "created_quarter", "created_quarter"]
    assert width(found).is_monotonic_increasing
    assert width(found).iloc[0] < width(found).iloc[1] < width(found).iloc[2]


def test_what_is_said_of_a_deal_does_not_depend_on_the_others(model: FittedModel, amounts: pd.DataFrame) -> None:
    """One deal with new levels gets the same numbers to the last bit, alone or among others, and every time."""
    new = amounts.assign(region=["Atlantis", "Mu", "East"] * 400, created=pd.Timestamp("2024-09-01"))

    together = model.predict(new)

    assert model.predict(new).equals(together)
    for row in (0, 1, 2, 700):
        assert model.predict(new.iloc[[row]]).equals(together.iloc[[row]])


def test_a_saved_model_predicts_the_same_to_the_last_bit(model: FittedModel, amounts: pd.DataFrame, tmp_path: Path) -> None:
    """What a folder keeps is the model: all draws, the edges of the bands, and the numbers behind unseen levels."""
    new = amounts.head(40).assign(region=["East", "Atlantis"] * 20, created=pd.Timestamp("2024-08-01"))
    model.save(tmp_path / "kept")

    again = FittedModel.load(tmp_path / "kept")

    assert again.predict(new).equals(model.predict(new))
    assert again.edges == model.edges
    assert again.description() == model.description()


def test_new_deals_are_cut_into_bands_where_the_fitted_ones_were(model: FittedModel, amounts: pd.DataFrame) -> None:
    """Ten new deals, all dear, belong to the dearest band, though their own quantiles would spread them over all."""
    dear = amounts.head(10).assign(region="East", product="Pro", code=1, created="2024-02-01", amount=np.linspace(100, 900, 10))

    found = model.predict(dear)

    assert found[["rate", "low", "high"]].drop_duplicates().shape[0] == 1
    assert set(found["unseen"]) == {""}


def test_cutting_at_the_edges_is_cutting_into_bands(amounts: pd.DataFrame) -> None:
    """Bands are their edges: the same deals cut by them have the same labels."""
    assert cut(amounts["amount"], edges_of(amounts["amount"], 5)).equals(banded(amounts["amount"], 5))


def test_deals_are_read_as_a_file_writes_them(model: FittedModel, amounts: pd.DataFrame) -> None:
    """Dates as text, amounts as text, codes as 1 for 1.0, blanks around labels: none of it makes a level new."""
    given = amounts.iloc[3:9]
    written = given.assign(
        created=given["created"].dt.strftime("%Y-%m-%d"), amount=given["amount"].astype(str), code=given["code"].astype("Int64")
    ).assign(region=given["region"] + " ")

    assert model.predict(written).equals(model.predict(given))


def test_missing_columns_and_faulty_values_are_named_all_at_once(model: FittedModel, amounts: pd.DataFrame) -> None:
    """One error says every column that is not there with the nearest name that is, and every column that cannot be understood."""
    given = amounts.drop(columns="product").rename(columns={"region": "Regions"})
    given = given.assign(created="soon", amount=["dear"] + ["1"] * (len(given) - 1))

    with pytest.raises(DataError) as caught:
        model.predict(given)

    region, product, created, amount = caught.value.faults
    assert "'region'" in region
    assert "did you mean 'Regions'?" in region
    assert "'product'" in product
    assert created.startswith("created: must be a date, such as 2024-03-31, got 'soon' in row 0")
    assert amount.startswith("amount: must be a number, got 'dear' in row 0")


def test_a_column_is_called_by_its_owners_name(model: FittedModel, amounts: pd.DataFrame) -> None:
    """Where the plan maps a column, its fault names the column of the reader's own table."""
    faults = model.faults(amounts.drop(columns="created").assign(Opend="x"), {"created": "Opened"})

    assert faults == ["the deals have no column 'Opened' (created in the plan), which the model needs; did you mean 'Opend'?"]


def test_a_level_of_coverage_outside_0_to_1_is_refused(model: FittedModel, amounts: pd.DataFrame) -> None:
    """95 is no level: it is written 0.95, and a smaller level is a narrower interval."""
    with pytest.raises(QuestionError, match=r"such as 0\.95, got 95"):
        model.predict(amounts, 95)

    assert (width(model.predict(amounts.head(9), 0.5)) < width(model.predict(amounts.head(9)))).all()


def test_no_deals_give_no_rows(model: FittedModel, amounts: pd.DataFrame) -> None:
    """An empty table is no error, and has the columns of a full one."""
    assert list(model.predict(amounts.head(0)).columns) == ["rate", "low", "high", "unseen"]


def test_only_a_posterior_of_levels_predicts(model: FittedModel) -> None:
    """Another model's draws, or none, are no model of this kind."""
    assert predicts(model.tree)
    assert not predicts(None)
    assert not predicts(model.tree.drop_nodes("constant_data"))
