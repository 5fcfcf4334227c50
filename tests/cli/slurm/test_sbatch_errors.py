"""Messages of sbatch with the settings to change."""

import pytest

from avme.config.slurm import JobConfig, SlurmConfig
from avme_cli.slurm.sbatch_errors import explain

GRES = """sbatch: error: Invalid generic resource (gres) specification
sbatch: error: Batch job submission failed: Invalid generic resource (gres) specification
"""


@pytest.mark.parametrize(
    ("said", "settings", "line"),
    [
        (
            GRES,
            JobConfig(),
            "Invalid generic resource (gres) specification): change slurm.gpus (none) with --set; "
            "--set slurm.gpus=0 asks for no GPU",
        ),
        (
            "sbatch: error: Batch job submission failed: "
            "Requested node configuration is not available\n",
            SlurmConfig(),
            "Requested node configuration is not available): change slurm.cpus (8), "
            "slurm.memory_gb (16) with --set",
        ),
        (
            "sbatch: error: invalid partition specified: fast\n"
            "sbatch: error: Batch job submission failed: Invalid partition name specified\n",
            SlurmConfig(partition="fast"),
            "invalid partition specified: fast; Invalid partition name specified): change "
            "slurm.partition (fast) with --set",
        ),
        (
            "sbatch: error: Batch job submission failed: "
            "Invalid account or account/partition combination specified",
            JobConfig(account="lab"),
            "Invalid account or account/partition combination specified): change slurm.partition "
            "(none), slurm.account (lab) with --set",
        ),
        (
            "sbatch: error: Batch job submission failed: "
            "Requested time limit is invalid (missing or exceeds some limit)",
            JobConfig(time_limit_minutes=9),
            "Requested time limit is invalid (missing or exceeds some limit)): change "
            "slurm.time_limit_minutes (9) with --set",
        ),
        (
            "sbatch: error: Memory specification can not be satisfied",
            SlurmConfig(),
            "Memory specification can not be satisfied): change slurm.memory_gb (16) with --set",
        ),
        (
            "sbatch: error: CPU count per node can not be satisfied",
            SlurmConfig(),
            "CPU count per node can not be satisfied): change slurm.cpus (8) with --set",
        ),
        (
            "sbatch: unrecognized option '--foo'\nTry \"sbatch --help\" for more information\n",
            JobConfig(),
            "unrecognized option '--foo'): change slurm.options (none) with --set",
        ),
        (
            "sbatch: error: fetch_config: DNS SRV lookup failed\n"
            "sbatch: fatal: Could not establish a configuration source\n",
            JobConfig(),
            "fetch_config: DNS SRV lookup failed; Could not establish a configuration source): "
            "repeat, or submit on a machine from which Slurm can be reached",
        ),
        (
            "sbatch: error: Batch job submission failed: "
            "Unable to contact slurm controller (connect failure)\n",
            SlurmConfig(),
            "Unable to contact slurm controller (connect failure)): repeat, or submit on a machine "
            "from which Slurm can be reached",
        ),
        (
            "sbatch: error: a site's own rule",
            JobConfig(),
            "a site's own rule): options of sbatch go into --set slurm.options=[...]",
        ),
    ],
)
def test_explain_names_the_setting_to_change(
    said: str, settings: JobConfig | SlurmConfig, line: str
) -> None:
    assert explain(said, settings) == line


def test_explain_of_long_output_keeps_its_end() -> None:
    said = "".join(f"attempt {number}\n" for number in range(1, 100)) + "no such host\n"

    reason, _, fix = explain(said, JobConfig()).partition("): ")

    assert reason.startswith("... ")
    assert reason.endswith("attempt 99; no such host")
    assert len(reason) == 4 + 240
    assert fix == "options of sbatch go into --set slurm.options=[...]"


def test_explain_of_repeated_lines_shows_each_once() -> None:
    assert explain(2 * GRES, JobConfig()) == explain(GRES, JobConfig())
