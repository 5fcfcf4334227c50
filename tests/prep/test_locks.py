"""Locks of whole runs and of partitions."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from avme.config.prep import PrepConfig
from avme.errors import UsageError
from avme.io.lock import is_held
from avme.prep.locks import lock_planning
from avme.prep.partition import Partition
from avme.prep.request import Request
from avme.sources.clip_table import ClipTable, build_clip_table

Ask = Callable[[Partition | None], Request]
NONE: ClipTable = build_clip_table(())


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    def made(share: Partition | None) -> Request:
        config = PrepConfig()
        return Request("folder", tmp_path, out=tmp_path, name="set", config=config, share=share)

    return made


def test_lock_planning_of_a_whole_run_excludes_others_until_its_end(ask: Ask) -> None:
    with ExitStack() as locks:
        with lock_planning(ask(None), NONE, locks):
            pass
        for share in (None, Partition(1, 2)):
            with (
                pytest.raises(UsageError, match="another `avme prep` is running"),
                ExitStack() as others,
                lock_planning(ask(share), NONE, others),
            ):
                pass

    assert not is_held(ask(None).folder, "prep")


def test_lock_planning_of_two_partitions_lets_both_build(ask: Ask) -> None:
    with ExitStack() as locks:
        for index in (1, 2):
            with lock_planning(ask(Partition(index, 2)), NONE, locks):
                assert is_held(ask(None).folder, "plan")

        assert not is_held(ask(None).folder, "plan")
        assert is_held(ask(None).folder, "part-2-of-2")


@pytest.mark.parametrize("share", [Partition(1, 2), Partition(1, 3)], ids=["same", "other-count"])
def test_lock_planning_of_a_partition_refuses_the_same_and_other_counts(
    ask: Ask, share: Partition
) -> None:
    with ExitStack() as locks:
        with lock_planning(ask(Partition(1, 2)), NONE, locks):
            pass
        with (
            pytest.raises(UsageError, match="another `avme prep` is running"),
            ExitStack() as others,
            lock_planning(ask(share), NONE, others),
        ):
            pass
