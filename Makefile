# make demo [SECONDS=30] [CHAOS=1] [RATE=100]    everything on this machine, live, with an audit at the end
# make test [WORKERS=4]                          everything that is checked
# make compiled                                  the same with its hot path compiled, in build/compiled (minutes)
# make bench [INTERPRETED=1] | soak              measure; kill 200 processes and compare (minutes)
# make lock | schemas | dashboards               after changing dependencies, schemas or dashboards

# The distribution's Python first: it is built with profile-guided optimisation, as one compiled without asking for it
# is not (pyenv's), and what is rated, matched and tested takes up to a quarter less time. PYTHON=... takes another.
PYTHON := $(shell for p in /usr/bin/python3.12 /usr/bin/python3.11 python3.12 python3.11 python3 python; do \
	$$p -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
# Test files run beside each other: most wait for processes of their own, so two cores have time for four.
WORKERS := 4
READY := .venv/.ready

# Tests and demos start hundreds of processes of ours: none should compile what another has compiled.
unexport PYTHONDONTWRITEBYTECODE
# What is edited here runs as it stands; `compiled` alone compiles.
unexport WAYBOOK_COMPILE

COMPILED := build/compiled
SOURCES := $(shell find flows schemas sinks sources dashboards deploy -name __pycache__ -prune -o -type f -print)
# Named after the sources' names, so that one that is gone counts, too.
WHOLE := $(COMPILED)/.of-$(firstword $(shell echo $(SOURCES) | cksum))
MEASURE := $(BIN)/python -m tests.bench.compiled $(if $(INTERPRETED),--interpreted)

.PHONY: demo test suite compiled bench soak lint lock schemas dashboards clean

demo: $(READY)
	$(BIN)/waybook demo $(if $(SECONDS),--seconds $(SECONDS)) $(if $(CHAOS),--chaos) $(if $(RATE),--rate $(RATE))

# mypy takes a core for a minute, the first tests wait for their servers: beside each other.
test: $(READY)
	$(MAKE) -j2 lint suite

suite: $(READY)
	$(BIN)/python -m tests.servers.install
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

lint: $(READY)
	$(BIN)/ruff format --check -q .
	$(BIN)/ruff check -q .
	$(BIN)/mypy
	$(BIN)/lint-imports

compiled: $(WHOLE)

# Made beside it and put there when it is whole; as old as its beginning, for who edits meanwhile.
$(WHOLE): $(READY) setup.py pyproject.toml $(SOURCES)
	@$(BIN)/python -c "import setup; setup.ready()"
	rm -rf $(COMPILED).new
	mkdir -p $(COMPILED).new
	touch $(COMPILED).new/$(notdir $(WHOLE))
	WAYBOOK_COMPILE=1 $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation \
		--target $(COMPILED).new .
	rm -rf $(COMPILED)
	mv $(COMPILED).new $(COMPILED)

bench: $(READY)
	$(BIN)/python -m tests.servers.install
	$(MEASURE) tests.bench $(ARGS)
	$(if $(ARGS),,$(MEASURE) tests.bench.full --unit)
	$(if $(ARGS),,$(MEASURE) tests.bench.payments)
	$(if $(ARGS),,$(MEASURE) tests.bench.bills)

soak: $(READY)
	$(BIN)/python -m tests.servers.install
	$(BIN)/python -m tests.tariff.soak
	WAYBOOK_VOLUME=20 $(BIN)/python -m pytest -k hostile tests/channels tests/payments tests/bills
	WAYBOOK_VOLUME=10 $(BIN)/python -m pytest -k "not hostile" tests/bills tests/lifecycle tests/storage tests/wallet
	WAYBOOK_VOLUME=5 $(BIN)/python -m pytest tests/audit tests/rerating tests/deploy/test_demo.py
	WAYBOOK_VOLUME=5 $(BIN)/python -m pytest tests/crash
	$(BIN)/waybook demo --home .cache/soak --seconds 300 --chaos
	$(BIN)/python -m tests.crash.soak $(ARGS)

schemas: $(READY)
	$(BIN)/python -m schemas.publish
	$(BIN)/python -m flows.rating.schema

dashboards: $(READY)
	$(BIN)/python -m dashboards.grafana

lock: $(READY)
	$(BIN)/python -m pip install -q uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --all-extras --group build pyproject.toml -o requirements.lock

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Waybook needs Python 3.11 or 3.12 with venv (python3.12 or python3.11 on the PATH; Debian: python3-venv)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

clean:
	rm -rf .venv .cache data build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
