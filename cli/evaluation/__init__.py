"""Commands that score classifiers: eval and compare."""
