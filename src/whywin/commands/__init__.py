"""Commands beyond running a plan, one file a group; each has `add_to(app)`, and `cli` calls it."""
