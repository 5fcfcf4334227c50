"""A job that would be warned before it has trained is refused, with what to set instead."""

import pytest

from avme.config.slurm import JobConfig
from avme.errors import ConfigError


@pytest.mark.parametrize(
    ("minutes", "warning", "advice"),
    [
        (1, 180, "--set slurm.time_limit_minutes=5"),
        (1, 10, "--set slurm.time_limit_minutes=2"),
        (2, 180, "--set slurm.signal_before_seconds=30 or slurm.time_limit_minutes=5"),
        (2, 31, "--set slurm.signal_before_seconds=30 or slurm.time_limit_minutes=3"),
        (60, 3600, "--set slurm.signal_before_seconds=3510 or slurm.time_limit_minutes=62"),
    ],
)
def test_job_config_with_warning_beyond_the_time_limit_is_refused(
    minutes: int, warning: int, advice: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        JobConfig(time_limit_minutes=minutes, signal_before_seconds=warning).require_time_to_train()

    said = str(caught.value)
    assert said.startswith(
        f"slurm.signal_before_seconds {warning} leaves a job of {minutes} minutes no"
    )
    assert said.endswith(f"give {advice}")


@pytest.mark.parametrize(
    ("minutes", "warning"), [(2, 30), (5, 180), (62, 3600), (24 * 60, 180), (3, 31)]
)
def test_job_config_with_advised_values_is_accepted(minutes: int, warning: int) -> None:
    JobConfig(time_limit_minutes=minutes, signal_before_seconds=warning).require_time_to_train()
