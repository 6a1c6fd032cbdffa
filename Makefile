# Everything sets itself up from a plain python3 >= 3.11, with uv where it is there and pip otherwise.
#   make demo   a platform end to end: install, fill a real PostgreSQL, pull, stream a day through, ask
#   make test   all tests
#   make check  ruff, mypy, import contracts, known vulnerabilities

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
FUZZ_SECONDS ?= 60
PICTURES = platform platform-dark details dashboards dashboards-liberta sql live quarantine runs diagram login phone-dashboards
PYTEST_WORKERS ?= 4
# A module's tests share servers, and stay together and in their order.
SPREAD = -n $(PYTEST_WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: demo test servers coverage check fuzz soak bench lock format docs screenshots clean

demo: $(VENV)/.runtime
	$(BIN)/python examples/demo.py

test: servers
	$(BIN)/python -m pytest $(SPREAD) --durations=25

servers: $(VENV)/.dev .emulators/venv/.made .emulators/bigquery/.made .emulators/axe/.made

# Apart: following every line of every command that a story runs makes the tests a third slower.
coverage: servers
	$(BIN)/python -m pytest $(SPREAD) --cov --cov-report=term

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/audit requirements/runtime.txt

fuzz: $(VENV)/.dev
	FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/python -m pytest -n $(PYTEST_WORKERS) -m fuzz --timeout=0

soak: $(VENV)/.dev .emulators/bigquery/.made
	$(BIN)/python -m pytest -m soak --timeout=0

bench: $(VENV)/.dev .bench/venv/.peers .bench/spark/.peers
	$(BIN)/python -m benchmarks $(BENCH)

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev
	$(BIN)/python docs/make.py

# The pictures of docs/console.md, as the tests in the browser take them. Of all that they take, docs/ keeps those it shows.
screenshots: $(VENV)/.dev .emulators/axe/.made
	SCREENSHOTS=.screenshots $(BIN)/python -m pytest tests/browser -q
	cd .screenshots && for name in $(PICTURES); do cp $$name.png ../docs/console/; done

# Pins without index lines; needs uv. `uv pip compile` reads what is written, so a version moves only with UPGRADE=1.
LOCK = uv pip compile pyproject.toml --extra embedded --universal --python-version 3.11 --generate-hashes \
       --no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet $(if $(UPGRADE),--upgrade)
lock:
	$(LOCK) --group build --output-file requirements/runtime.txt
	$(LOCK) --extra aws --extra gcp --extra telemetry --group build --group dev --output-file requirements/dev.txt
	$(subst pyproject.toml --extra embedded,,$(LOCK)) --group bench --constraint requirements/runtime.txt \
	  --output-file requirements/bench.txt
	$(subst pyproject.toml --extra embedded,,$(LOCK)) --group emulators --output-file requirements/emulators.txt
	$(subst --python-version 3.11,--python-version 3.13,$(subst pyproject.toml --extra embedded,,$(LOCK))) --group bigquery \
	  --output-file requirements/bigquery.txt
	$(subst pyproject.toml --extra embedded,,$(LOCK)) --group spark --output-file requirements/spark.txt

clean:
	rm -rf $(VENV) .bench .emulators .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage .coverage.*

# A stamp tells that an environment holds what the pins say: the second call of anything starts at once.
$(VENV)/.runtime: requirements/runtime.txt pyproject.toml | $(BIN)/python
	@$(MAKE) --no-print-directory install PINS=requirements/runtime.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(BIN)/python
	@$(MAKE) --no-print-directory install PINS=requirements/dev.txt
	@touch $@ $(VENV)/.runtime

# What needs an environment of its own: the benchmarks' peers, and servers that stand in for clouds.
.bench/venv/.peers: requirements/bench.txt | $(BIN)/python
	@$(MAKE) --no-print-directory apart APART=.bench/venv PINS=$<
	@touch $@

.bench/spark/.peers: requirements/spark.txt | $(BIN)/python
	@$(MAKE) --no-print-directory apart APART=.bench/spark PINS=$<
	@touch $@

.emulators/venv/.made: requirements/emulators.txt | $(BIN)/python
	@$(MAKE) --no-print-directory apart APART=.emulators/venv PINS=$<
	@touch $@

# What the tests in a browser judge accessibility with. Where there is no npm, they skip that, and say so.
.emulators/axe/.made: tests/browser/package-lock.json
	@mkdir -p $(@D) && cp tests/browser/package*.json $(@D)
	@if command -v npm >/dev/null; then npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --silent ; \
	else echo "no npm: accessibility will not be judged"; fi
	@touch $@

# local-bigquery needs Python 3.13. Where there is none, its tests are skipped, and say so.
NEWER = $(firstword $(foreach each,python3.13 python3.14 $(wildcard $(HOME)/.pyenv/versions/3.1[34]*/bin/python), \
        $(shell $(each) -c 'import sys; sys.exit(sys.version_info < (3, 13))' 2>/dev/null && echo $(each))))
EXTENSIONS = from duckdb_extensions import import_extension as i; [i(each) for each in "icu spatial ducklake sqlite_scanner".split()]
.emulators/bigquery/.made: requirements/bigquery.txt
	@if [ -z "$(NEWER)" ]; then \
	  echo "No Python 3.13 is to be found: what is tried on a BigQuery is left out."; \
	else \
	  $(MAKE) --no-print-directory apart APART=.emulators/bigquery PINS=$< MAKER=$(NEWER) && \
	  .emulators/bigquery/bin/python -c '$(EXTENSIONS)' && touch $@; \
	fi

MAKER = $(BIN)/python
.PHONY: apart
apart:
	@if command -v uv >/dev/null; then \
	  uv venv --quiet --clear --python $(MAKER) $(APART) && \
	  uv pip install --quiet --python $(APART)/bin/python --require-hashes -r $(PINS) ; \
	else \
	  $(MAKER) -m venv --clear $(APART) && \
	  $(APART)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(PINS) ; \
	fi

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Asterism needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) -V 2>&1): make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { command -v uv >/dev/null && uv venv --python "$$(command -v $(PYTHON))" $(VENV); }

.PHONY: install
install:
	@if command -v uv >/dev/null; then \
	  uv pip install --quiet --python $(BIN)/python --require-hashes -r $(PINS) && \
	  uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(PINS) && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
