"""Checkpoints come often where they are cheap, and no later than the longest time."""

import time

from avme.train.save_schedule import Saver


def test_saver_without_cost_is_due_immediately() -> None:
    saver = Saver(lambda: None, lambda: 0, longest_seconds=3600.0)
    saver.save()
    time.sleep(0.05)

    assert saver.is_due()


def test_saver_waits_a_hundred_times_its_cost() -> None:
    saver = Saver(lambda: time.sleep(0.1), lambda: 0, longest_seconds=3600.0)
    saver.save()

    assert not saver.is_due()


def test_saver_never_exceeds_the_longest_interval() -> None:
    saver = Saver(lambda: time.sleep(0.1), lambda: 0, longest_seconds=0.01)
    saver.save()
    time.sleep(0.02)

    assert saver.is_due()


def test_saver_step_is_that_of_the_last_checkpoint() -> None:
    steps = iter([3, 7])
    saver = Saver(lambda: None, lambda: next(steps), longest_seconds=1.0)

    assert saver.step == 3
    saver.save()
    assert saver.step == 7
