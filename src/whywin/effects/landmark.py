"""Who could have been treated: deals that were still open at the age at which treatment is decided."""

import pandas as pd


def old_enough(landmark_days: float | None, deals: pd.DataFrame) -> pd.Series:
    """Return which deals were open at the landmark: closed later than it, or not closed yet; all of them without a landmark.

    A deal that closed earlier could not have been treated. Counted among the untreated it would make them look worse or better by
    its short life alone, which is the immortal-time bias.
    """
    if landmark_days is None:
        return pd.Series(data=True, index=deals.index)
    age = (deals["closed"] - deals["created"]).dt.total_seconds() / 86_400
    return age.isna() | (age > landmark_days)
