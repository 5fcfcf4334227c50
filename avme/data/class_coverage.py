"""Coverage of scored classes by the training clips."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from avme.message_text import some_of
from avme.shards.dataset import ClipEntry

MOST_NAMED = 5
"""Maximum number of names in a message."""


@dataclass(frozen=True, slots=True)
class ClassCoverage:
    """Comparison of scored classes with trained ones."""

    num_clips: int
    untrained: tuple[str, ...]
    """Classes of scored clips without a training clip, sorted."""
    num_untrained_clips: int
    only_class: str | None
    """The single class of all scored clips, if there is only one."""

    @property
    def highest_top1(self) -> float:
        """Return the top-1 of a classifier that is right on every clip of a trained class."""
        return (self.num_clips - self.num_untrained_clips) / self.num_clips


def compute_coverage(scored: Sequence[ClipEntry], trained: Iterable[str]) -> ClassCoverage:
    """Compare the classes of `scored`, at least one clip, with the names of `trained` classes."""
    clips = Counter(entry.class_name for entry in scored)
    untrained = sorted(clips.keys() - set(trained))
    return ClassCoverage(
        num_clips=len(scored),
        untrained=tuple(untrained),
        num_untrained_clips=sum(clips[name] for name in untrained),
        only_class=next(iter(clips)) if len(clips) == 1 else None,
    )


def training_warnings(
    classes: Sequence[str], trained: Sequence[ClipEntry], held_out: Sequence[ClipEntry]
) -> list[str]:
    """Return warnings about lists that make a fine-tuning's metrics less meaningful.

    Args:
        classes: Names of all classes of the dataset.
        trained: Clips that are trained on.
        held_out: Clips of the validation list, which may be empty.
    """
    if len(classes) == 1:
        return [f"warning: there is one class ({classes[0]}): top-1 is 100 % for any classifier"]
    lines = []
    learned = {entry.class_name for entry in trained}
    if untrained := [name for name in classes if name not in learned]:
        lines.append(
            f"warning: {len(untrained)} of {len(classes)} classes have no training clip "
            f"({some_of(untrained, MOST_NAMED)}): the classifier cannot learn them"
        )
    validated = {entry.class_name for entry in held_out}
    if len(validated) == 1:
        lines.append(
            f"warning: all {len(held_out)} validation clips are of one class ({validated.pop()}): "
            "the best epoch is the one that predicts it most often"
        )
    return lines
