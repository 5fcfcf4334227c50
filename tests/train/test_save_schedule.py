"""Checkpoints come often where they are cheap, and no later than the longest time."""

import time

from avme.train.save_schedule import Saver


def test_what_costs_nothing_is_due_again_at_once() -> None:
    saver = Saver(lambda: None, lambda: 0, longest_seconds=3600.0)
    saver.save()
    time.sleep(0.05)

    assert saver.is_due()


def test_what_costs_much_waits_a_hundred_times_as_long() -> None:
    saver = Saver(lambda: time.sleep(0.1), lambda: 0, longest_seconds=3600.0)
    saver.save()

    assert not saver.is_due()


def test_the_longest_time_is_kept_whatever_it_costs() -> None:
    saver = Saver(lambda: time.sleep(0.1), lambda: 0, longest_seconds=0.01)
    saver.save()
    time.sleep(0.02)

    assert saver.is_due()


def test_the_step_is_that_of_the_last_checkpoint() -> None:
    steps = iter([3, 7])
    saver = Saver(lambda: None, lambda: next(steps), longest_seconds=1.0)

    assert saver.step == 3
    saver.save()
    assert saver.step == 7
