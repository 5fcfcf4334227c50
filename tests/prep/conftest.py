"""Fixtures of tests of `prep`: a request, its plan, and an ffmpeg that kills workers."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avme.config.prep import PrepConfig
from avme.media.ffmpeg.process import find_ffmpeg
from avme.prep.partition import Partition
from avme.prep.plan import Plan, make_plan
from avme.prep.request import Request, find_recipe, find_source
from avme.progress import NullReporter


@pytest.fixture
def make_request(videos: Path, tmp_path: Path) -> Callable[..., Request]:
    """Requests the dataset `set` beside the test, as `run_prep` makes it."""

    def make(
        source: Path | None = None, share: Partition | None = None, **settings: Any
    ) -> Request:
        config = PrepConfig.model_validate({"num_workers": 2, "shard_clips": 4, **settings})
        given = videos if source is None else source
        return Request("ucf101", given, out=tmp_path, name="set", config=config, share=share)

    return make


@pytest.fixture
def plan_of() -> Callable[[Request], Plan]:
    """Plans a request without writing."""

    def plan(request: Request) -> Plan:
        source, recipe = find_source(request), find_recipe(request.config)
        return make_plan(request, source, recipe, NullReporter())

    return plan


@pytest.fixture
def deadly_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts an ffmpeg on PATH that kills the process that runs it on a clip, so many times."""
    real = find_ffmpeg()
    program = tmp_path / "bin" / "ffmpeg"

    def arm(clip: str, times: int) -> None:
        program.parent.mkdir()
        for number in range(times):
            (program.parent / f"shot{number}").touch()
        program.write_text(
            "#!/bin/sh\n"
            f'case "$*" in *{clip}*)\n'
            f'  for shot in "{program.parent}"/shot*; do\n'
            '    [ -e "$shot" ] && rm "$shot" && kill -9 $PPID && exit 1\n'
            "  done;;\n"
            "esac\n"
            f'exec "{real}" "$@"\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")

    return arm
