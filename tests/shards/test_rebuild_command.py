"""The command that made a set, from its plan."""

import shlex
from pathlib import Path
from typing import Any

from avme.config.prep import PrepConfig
from avme.shards.rebuild_command import delete_command, prep_command


def plan(call: dict[str, Any], **settings: Any) -> dict[str, Any]:
    content = PrepConfig(**settings).content()
    identity = {
        "schema": 4,
        "source": "/videos/my clips",
        "layout": "folder",
        **{f"settings.{key}": value for key, value in content.items()},
    }
    clips = {str(number): [1, 2, 0] for number in range(40)}
    return {"identity": identity, "call": call, "clips": clips}


CALL = {"splits": None, **PrepConfig().limits()}


def test_prep_command_of_default_dataset_has_no_options() -> None:
    assert prep_command(plan(CALL), Path("data/pets")) == (
        "avme prep folder '/videos/my clips' --out data/pets"
    )


def test_prep_command_repeats_every_unusual_setting() -> None:
    call = {"splits": "/lists", **PrepConfig(max_failed=0.25, timeout_seconds=5.0).limits()}
    call |= {"memory_mb": 4096, "max_clip_gb": 0.5}

    words = shlex.split(
        prep_command(plan(call, short_side=240, seed=3, keep_audio=False), Path("data/pets"))
    )

    assert words[6:] == [
        *("--splits", "/lists", "--max-failed", "0.25"),
        *("--set", "short_side=240", "--set", "keep_audio=false", "--set", "seed=3"),
        *("--set", "timeout_seconds=5.0"),
        *("--set", "max_clip_gb=0.5", "--set", "memory_mb=4096"),
    ]


def test_prep_command_writes_fractions_with_all_digits() -> None:
    words = shlex.split(prep_command(plan(CALL | {"max_failed": 1 / 3}), Path("data/pets")))

    assert float(words[-1]) == 1 / 3


def test_prep_command_repeats_tables_and_roots() -> None:
    call = CALL | {"root": "/videos", "annotations": ["/lists/train.csv", "/lists/val.csv"]}

    words = shlex.split(prep_command(plan(call), Path("data/pets")))

    assert words[6:] == [
        *("--root", "/videos"),
        *("--annotations", "/lists/train.csv", "/lists/val.csv"),
    ]


def test_files_are_deleted_by_their_paths() -> None:
    line = delete_command(Path("my data"), ["shards/b.h5", "shards/a.h5"])

    assert shlex.split(line) == ["rm", "-f", "--", "my data/shards/a.h5", "my data/shards/b.h5"]
