"""Suspicious patterns are found where they are planted, and seldom where they are not."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from whywin.deals.contract import Contract
from whywin.deals.read import keep_contract
from whywin.evidence import Check


def clean(rows: int, seed: int) -> pd.DataFrame:
    """Two years of deals without any pattern: dates, amounts, stages and outcomes that nobody rounded or moved."""
    rng = np.random.default_rng(seed)
    created = pd.Timestamp("2022-01-01") + pd.to_timedelta(rng.integers(0, 730, rows), unit="D")
    days = rng.integers(5, 120, rows)
    outcome = rng.choice(["won", "lost"], rows, p=[0.4, 0.6])
    return pd.DataFrame(
        {
            "deal_id": np.char.add("D", np.arange(rows).astype(str)),
            "created": created,
            "closed": created + pd.to_timedelta(days, unit="D"),
            "cycle_days": days,
            "rep": np.char.add("Rep ", rng.integers(0, 30, rows).astype(str)),
            "industry": rng.choice(["Retail", "Software", "Banking"], rows),
            "stage": np.where(outcome == "won", "Closed Won", "Closed Lost"),
            "amount": rng.lognormal(9, 0.8, rows).round(),
            "outcome": outcome,
        }
    )


def looked(raw: pd.DataFrame) -> dict[str, Check]:
    """Every pattern that was looked for in a table, by name."""
    return {check.name: check for check in keep_contract(raw, Contract(max_bad_share=1.0)).quality.patterns}


def test_patterns_are_notes_and_remove_nothing():
    """They tell a reader what to ask about; the answer and its grade stay as they are."""
    raw = clean(2000, 1).assign(stage="Prospecting")
    deals = keep_contract(raw, Contract())

    assert len(deals.table) == 2000
    assert {check.severity for check in deals.quality.patterns} == {"note"}
    assert not any(check.undoes for check in deals.quality.patterns)
    assert all(check.says.endswith(".") for check in deals.quality.patterns)


@pytest.mark.parametrize("rows", [200, 3000])
def test_false_alarms_are_rare_on_clean_tables(rows: int):
    """In 100 clean tables no pattern is raised more than twice, whether the tables are small or large."""
    alarms = Counter(name for seed in range(100) for name, check in looked(clean(rows, seed)).items() if not check.passed)

    assert all(count <= 2 for count in alarms.values()), alarms


def planted(name: str) -> pd.DataFrame:
    """A clean table into which one pattern is planted."""
    raw = clean(3000, 7)
    some = np.random.default_rng(8).random(len(raw)) < 0.15
    if name == "closing_day_pile_up":
        raw.loc[some, "closed"] = raw.loc[some, "closed"] + pd.offsets.MonthBegin(1) + pd.Timedelta(days=14)
    elif name == "quarter_end_volume":
        raw.loc[some, "closed"] = raw.loc[some, "closed"] + pd.offsets.QuarterEnd(1)
    elif name == "quarter_end_win_rate":
        late = raw["closed"] + pd.Timedelta(days=7) > raw["closed"] + pd.offsets.QuarterEnd(0)
        raw.loc[late, ["outcome", "stage"]] = ["won", "Closed Won"]
    elif name == "cycle_mismatch":
        raw.loc[some, "cycle_days"] += 5
    elif name == "stage_against_outcome":
        raw["stage"] = np.random.default_rng(9).permutation(raw["stage"])
    elif name == "digit_heaping":
        raw.loc[some, "amount"] = raw.loc[some, "amount"].round(-3)
    elif name == "duplicates":
        raw = pd.concat([raw, raw.head(60).assign(deal_id=[f"E{number}" for number in range(60)])], ignore_index=True)
    elif name == "label_variants":
        raw.loc[some, "industry"] = raw.loc[some, "industry"].str.upper()
    return raw


PATTERNS = (
    "closing_day_pile_up",
    "quarter_end_volume",
    "quarter_end_win_rate",
    "cycle_mismatch",
    "stage_against_outcome",
    "digit_heaping",
    "duplicates",
    "label_variants",
)


@pytest.mark.parametrize("name", PATTERNS)
def test_a_planted_pattern_is_found(name: str):
    """A pattern in 15 % of 3,000 deals (2 % for copies) is seen under its own name; a clean table shows it as looked for."""
    assert looked(clean(3000, 7))[name].passed
    assert not looked(planted(name))[name].passed


def test_what_a_table_cannot_show_is_not_looked_for():
    """Without dates, stages and amounts only copies and labels are left to look for."""
    assert set(looked(clean(300, 1)[["deal_id", "industry", "outcome"]])) == {"duplicates", "label_variants"}


def test_stages_that_name_no_outcome_contradict_none():
    """A table whose stages are all called after products has no stage to contradict an outcome."""
    check = looked(clean(300, 1).assign(stage="Phase 2"))["stage_against_outcome"]

    assert check.passed
    assert check.says.startswith("No stage is named like an outcome")


@pytest.mark.parametrize(
    ("labels", "alike"),
    [
        (("GTX Pro", "GTXPro"), True),
        (("technology", "technolgy"), True),
        (("Retail", "retail "), True),
        (("rep 1", "rep 11"), False),
        (("Seller 1", "Seller 10"), False),
        (("North", "South"), False),
        (("EMEA", "EMEAA"), False),
    ],
)
def test_labels_that_may_be_one_label_are_named(labels: tuple[str, str], alike: bool):
    """Case, spaces, punctuation and a left-out letter are slips; a number or a short code is not."""
    raw = clean(300, 1)
    raw["industry"] = np.where(raw.index % 2 == 0, *labels)

    check = looked(raw)["label_variants"]

    assert check.passed is not alike
    if alike:
        assert all(label.strip() in check.says for label in labels)
