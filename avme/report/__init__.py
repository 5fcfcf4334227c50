"""HTML report of runs: one self-contained file without network access."""
