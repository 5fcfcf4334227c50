.PHONY: check types tests quick format

# Half of the start of a test process is spent on compiling, if it may not keep what it compiled.
export PYTHONDONTWRITEBYTECODE :=

check:
	ruff format --check
	ruff check
	$(MAKE) -j 2 types tests

types:
	mypy
	lint-imports

tests:
	pytest -n auto --dist worksteal

quick:
	ruff format --check
	ruff check
	pytest -m 'not slow' -n auto --dist worksteal

format:
	ruff format
	ruff check --fix
