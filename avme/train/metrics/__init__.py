"""What a run logs: meters, loggers, timers, attention entropy."""
