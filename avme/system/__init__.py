"""This machine: CPU count, GPUs, installed packages, errors of the system."""
