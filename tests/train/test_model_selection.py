"""The best epoch: top-1 decides where it can, cross-entropy where top-1 is noise."""

from avme.train.model_selection import BestEpoch, update_best


def choose(epochs: list[tuple[float, float]], clips: int) -> BestEpoch:
    best = None
    for number, (top1, loss) in enumerate(epochs, 1):
        best = update_best(best, top1, loss, number, 10 * number, clips)
    assert best is not None
    return best


def test_on_many_clips_the_highest_top1_wins() -> None:
    assert choose([(0.70, 1.0), (0.75, 1.1), (0.72, 0.9)], clips=10_000).epoch == 2


def test_on_few_clips_a_lucky_early_epoch_does_not() -> None:
    best = choose([(0.43, 1.4), (0.86, 0.96), (0.71, 1.02), (0.79, 0.81)], clips=14)

    assert (best.epoch, best.top1, best.highest_top1) == (4, 0.79, 0.86)


def test_update_best_never_takes_a_far_lower_epoch_for_its_loss() -> None:
    assert choose([(0.86, 0.9), (0.50, 0.1)], clips=14).epoch == 1


def test_update_best_drops_an_earlier_choice_beyond_one_standard_error() -> None:
    assert choose([(0.50, 0.5), (0.86, 0.9)], clips=14).epoch == 2


def test_update_best_of_perfect_or_zero_accuracy_has_no_tolerance() -> None:
    assert choose([(1.0, 0.5), (0.93, 0.1)], clips=14).epoch == 1
    assert choose([(0.0, 0.5), (0.0, 0.4)], clips=14).epoch == 2
