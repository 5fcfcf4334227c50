"""Slurm: sbatch scripts, job arrays and the variables of a job step."""
