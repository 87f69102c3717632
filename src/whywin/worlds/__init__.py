"""Made-up markets with a known truth: the embedded data, the tests' data, the experiments' data."""
