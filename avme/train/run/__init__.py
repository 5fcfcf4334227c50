"""Run folders: opening, resuming, extending, header and log file."""
