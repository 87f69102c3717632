"""The deal table: its contract, its quality, and what methods may ask of it."""
