"""Process groups, FSDP, the rank watchdog and stop signals."""
