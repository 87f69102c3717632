"""Did what we tried work? Trials randomised by sales rep."""
