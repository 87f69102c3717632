"""The four public CRM files, each with columns and labels of its own, keep the contract under the mapping written here."""

from collections import Counter
from pathlib import Path

import pytest

from whywin.deals.contract import Contract
from whywin.deals.read import keep_contract
from whywin.deals.table import Deals
from whywin.plan import File, Join
from whywin.sources import Table, read


@pytest.fixture(scope="module")
def crm(shared: Path) -> Path:
    """The folder of public CRM files."""
    return shared / "data" / "crm"


def kept(source: File, contract: Contract) -> tuple[Table, Deals]:
    """A file as it was read, and the deals that keep the contract."""
    table = read(source)
    return table, keep_contract(table.frame, contract)


def failed(deals: Deals) -> set[str]:
    """The names of the suspicious patterns that were found."""
    return {check.name for check in deals.quality.patterns if not check.passed}


def test_skygeni_is_clean_but_its_stage_says_nothing_of_the_outcome(crm: Path):
    """5,000 closed deals, 2,263 of them won, without one bad row; 80 % stand in a stage that contradicts their outcome."""
    columns = {
        "created": "created_date",
        "closed": "closed_date",
        "rep": "sales_rep_id",
        "stage": "deal_stage",
        "amount": "deal_amount",
        "cycle_days": "sales_cycle_days",
    }
    table, deals = kept(File(crm / "skygeni" / "skygeni_sales_data.csv"), Contract(columns=columns, won=("Won",), lost=("Lost",)))

    assert table.described == "skygeni_sales_data.csv: 5,000 rows"
    assert (len(deals.table), int(deals.table["won"].sum()), len(deals.quarantine)) == (5000, 2263, 0)
    assert deals.quality.score == 100.0
    assert failed(deals) == {"stage_against_outcome"}


def test_ibm_repeats_opportunity_numbers(crm: Path):
    """Of 196 rows that use an earlier row's number 55 are copies and 141 conflict with it: the first is kept, all 196 are shown."""
    columns = {"deal_id": "Opportunity Number", "outcome": "Opportunity Result", "amount": "Opportunity Amount USD"}
    source = File(crm / "ibm_sales_win_loss" / "ibm_sales_win_loss.parquet")

    _, deals = kept(source, Contract(columns=columns, won=("Won",), lost=("Loss",)))

    kinds = Counter(reason.split("' ", 1)[1] for reason in deals.quarantine["reasons"])
    assert kinds == {"is used by an earlier row": 141, "the whole row stands in the table already": 55}
    assert len(deals.table) == 78_025 - 196
    assert deals.table["deal_id"].is_unique


def test_maven_joins_four_tables_and_keeps_open_deals(crm: Path):
    """Every product finds its series once "GTXPro" is mended; 1,425 deals without an account stay, with nothing joined to them."""
    folder = crm / "maven_crm"
    source = File(
        folder / "sales_pipeline.csv",
        replace={"product": {"GTXPro": "GTX Pro"}},
        join=(
            Join(folder / "sales_teams.csv", "sales_agent"),
            Join(folder / "products.csv", "product"),
            Join(folder / "accounts.csv", "account", replace={"sector": {"technolgy": "technology"}}),
        ),
    )
    columns = {
        "deal_id": "opportunity_id",
        "outcome": "deal_stage",
        "created": "engage_date",
        "closed": "close_date",
        "rep": "sales_agent",
        "amount": "close_value",
    }
    contract = Contract(columns=columns, won=("Won",), lost=("Lost",), open=("Engaging", "Prospecting"))

    table, deals = kept(source, contract)

    assert "joined products.csv on product (8,800 matched, 0 without a match" in table.described
    assert "joined accounts.csv on account (7,375 matched, 0 without a match, 1,425 without a" in table.described
    assert deals.table["outcome"].value_counts().to_dict() == {"won": 4238, "lost": 2473, "open": 2089}
    assert deals.quarantine.empty
    assert deals.table["sector"].isna().sum() == 1425
    assert not (deals.table["sector"] == "technolgy").any()
    assert "quarter_end_win_rate" in failed(deals)


def test_maven_without_the_mended_label_says_how_many_found_no_match(crm: Path):
    """A product spelled two ways shows itself as deals without a match."""
    folder = crm / "maven_crm"
    source = File(folder / "sales_pipeline.csv", join=(Join(folder / "products.csv", "product"),))

    frame = read(source).frame

    assert int(frame["series"].isna().sum()) == int((frame["product"] == "GTXPro").sum()) > 0


def test_salvirt_counts_copies_once_where_the_contract_says_so(crm: Path):
    """448 rows without id or dates hold 83 exact copies; the separator is found out; Yes and No stay the labels they are."""
    source = File(crm / "salvirt" / "salvirt_b2b_ml_dataset.csv")
    columns = {"outcome": "Status", "rep": "Seller"}

    _, whole = kept(source, Contract(columns=columns, won=("Won",), lost=("Lost",)))
    _, once = kept(source, Contract(columns=columns, won=("Won",), lost=("Lost",), drop_duplicate_rows=True))

    assert (len(whole.table), int(whole.table["won"].sum())) == (448, 227)
    assert failed(whole) == {"duplicates"}
    assert len(once.table) == 448 - 83
    assert set(whole.table["RFI"]) == {"Yes", "No"}
