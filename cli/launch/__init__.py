"""Start of a command: its first line, its ranks, and the launcher."""
