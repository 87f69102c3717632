"""From a CRM's table to deals that keep the contract."""

import pandas as pd

from whywin.deals.contract import Contract
from whywin.deals.table import Deals


def keep_contract(raw: pd.DataFrame, contract: Contract) -> Deals:
    """Map, type and judge a table; quarantine the rows that break the contract."""
    raise NotImplementedError
