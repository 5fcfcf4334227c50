"""Output to a terminal or a log: lines, tables, progress."""
