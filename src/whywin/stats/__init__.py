"""Numbers in, numbers out: depends on NumPy and SciPy only, and on nothing of whywin."""
