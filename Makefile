# Names for what one would type; CONTRIBUTING.md says what each is for.
PYTHON ?= python3
BIN := .venv-dev/bin

.PHONY: dev test slow nightly bench lint format compare ci

dev: ## an environment to work in: editable install, every tool
	$(PYTHON) -m venv .venv-dev
	$(BIN)/pip install scikit-build-core cython cython-cmake numpy ninja cmake
	$(BIN)/pip install --no-build-isolation -e '.[dev]'

test:
	$(BIN)/pytest -n auto

slow:
	$(BIN)/pytest -n auto -m "slow and not nightly"

nightly: ## long proofs; those of docs/outcomes.md must give its very bytes
	$(BIN)/pytest -n auto -m nightly -rs
	rm -rf build/outcomes && mkdir -p build/outcomes
	$(BIN)/python -m bench.outcomes --out build/outcomes
	diff docs/outcomes.md build/outcomes/outcomes.md && diff -r docs/outcomes build/outcomes/outcomes

bench:
	$(BIN)/pytest bench

lint:
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	PATH=$(BIN):$$PATH cython-lint src
	find src tests -name '*.[ch]' | xargs $(BIN)/clang-format --dry-run -Werror
	$(BIN)/shellcheck .ci/run
	$(BIN)/mypy && $(BIN)/python -m mypy.stubtest initcore.kernels

format:
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .
	find src tests -name '*.[ch]' | xargs $(BIN)/clang-format -i

compare:
	$(BIN)/initcore compare

ci:
	.ci/run
