# Two commands: `make demo` runs the main job on the embedded data, `make test` runs all checks. Both set everything up first.
PYTHON := .venv/bin/python
WORKERS ?= auto
# Tests run side by side: one thread of linear algebra each, or they wait for one another (144 s instead of 6 s for one test).
ONE := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
.PHONY: setup demo test test-slow test-lowest test-engines bench lint format lock schema clean

setup:
	@.ci/setup

demo: setup
	@$(PYTHON) -m whywin demo

test: setup lint
	@$(ONE) $(PYTHON) -m pytest -n $(WORKERS) --dist loadfile -m "not slow" --cov --cov-report=term --cov-fail-under=95 -q

# Simulations that take minutes: our own methods' size and coverage, with a fixed budget of 40 minutes in all.
test-slow: setup
	@$(ONE) $(PYTHON) -m pytest -n $(WORKERS) --dist loadfile -m slow -q

# The lowest versions that pyproject.toml allows of what the code calls directly, in an environment of their own.
test-lowest:
	@.ci/setup .ci/lock-lowest.txt .venv-lowest
	@$(ONE) .venv-lowest/bin/python -m pytest -n $(WORKERS) --dist loadfile -m "not slow and not browser" -q

# The same plan on PostgreSQL and Spark, in an environment that has their drivers beside ours; skipped with the reason where they are not.
test-engines: setup
	@.ci/engines .venv-engines
	@$(ONE) .venv-engines/bin/python -m pytest -q tests/test_sources_engines.py

# Ours and the peers' on the same data in one run: one table with ratios and bars, recorded in MLflow, with a figure of how cost grows.
# Half an hour; `make bench BENCH=--quick` takes some minutes.
bench: setup
	@.ci/peers .venv-peers
	@$(ONE) $(PYTHON) benchmarks/everything.py --peers .venv-peers $(BENCH)

lint: setup
	@$(PYTHON) -m ruff format --check --quiet .
	@$(PYTHON) -m ruff check --quiet .
	@$(PYTHON) -m mypy
	@$(PYTHON) -c "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())" > /dev/null || $(PYTHON) -c "from importlinter.cli import lint_imports_command; lint_imports_command()"

format: setup
	@$(PYTHON) -m ruff format --quiet .
	@$(PYTHON) -m ruff check --fix --quiet .

# Resolve the ranges of pyproject.toml anew; the locks carry hashes and no address.
lock: setup
	@.ci/lock

schema: setup
	@$(PYTHON) -m whywin schema > configs/schema.json.new && mv configs/schema.json.new configs/schema.json

clean:
	@rm -rf .venv .venv-engines .venv-lowest .venv-peers .venv-tools .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.*
