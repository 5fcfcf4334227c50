"""env.json of a run: versions and machine."""

import platform
from importlib.metadata import version

import torch

from avme.train.run.environment import environment


def test_environment_has_versions_of_python_and_packages_and_the_machine() -> None:
    found = environment()

    assert found["python"] == platform.python_version()
    assert found["torch"] == version("torch")
    assert found["threads"] == torch.get_num_threads()
    assert found["device"]
