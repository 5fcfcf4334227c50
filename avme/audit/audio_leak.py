"""Leakage of the class by audio presence: how well its presence alone predicts the class.

A model that can detect whether a clip has audio can use that as a hint at its label. If only some
classes have audio the hint is large, and a gain from audio is no evidence about its content.

Shape letters: l classes, p = 2 states (without usable audio, with it), c clips, r rounds, u units
(clips of one group in one class), g groups, k units of each.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

_ROUNDS = 999
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Leak:
    """Dependence of the class on the presence of usable audio, on the lists of one split."""

    bits: float
    """Plug-in mutual information on the train list; biased upwards on few clips."""
    bits_corrected: float
    """Mutual information adjusted for chance: 0 on average if presence is independent of the class
    given the groups, `bits` if it is fully informative; negative below chance."""
    bits_at_most: float
    """Entropy of presence, the upper bound."""
    bits_by_chance: float
    """Mean over rounds in which whole groups were permuted between classes: the chance level."""
    p_value: float
    """Fraction of rounds, the observed one included, with at least as much information."""
    top1_presence: float
    """Test accuracy of predicting the most common train class with the same presence."""
    top1_majority: float
    """Test accuracy of predicting the most common train class."""

    @property
    def is_evident(self) -> bool:
        """True if presence is informative at the 5 % level."""
        return self.p_value <= 0.05


def count(
    label: Int[np.ndarray, " c"], present: Int[np.ndarray, " c"], num_classes: int
) -> Int[np.ndarray, "l p"]:
    """Count the clips of every class without and with audio.

    Args:
        label: Class index of every clip.
        present: True for clips with usable audio.
        num_classes: Number of classes.
    """
    flat = np.bincount(2 * label + present, minlength=2 * num_classes)
    return flat.reshape(num_classes, 2).astype(np.int64)


def entropy_bits(counts: Float[np.ndarray, "*any"] | Int[np.ndarray, "*any"]) -> float:
    """Return the entropy of the normalized counts; 0 for no counts."""
    total = float(counts.sum())
    if total <= 0:
        return 0.0
    share = counts[counts > 0] / total
    return float(-(share * np.log2(share)).sum()) + 0.0  # no -0.0


def mutual_bits(counts: Float[np.ndarray, "l p"] | Int[np.ndarray, "l p"]) -> float:
    """Return the plug-in mutual information of rows and columns."""
    apart = entropy_bits(counts.sum(axis=0)) + entropy_bits(counts.sum(axis=1))
    return max(0.0, apart - entropy_bits(counts))


def adjusted_bits(bits: float, by_chance: float, at_most: float) -> float:
    """Adjust mutual information for chance (Vinh et al. 2010), in bits.

    The excess over chance is scaled so that `at_most` stays unchanged. 0 if chance reaches the
    maximum too, as with one group per class.

    Args:
        bits: Observed mutual information.
        by_chance: Mean over permutations.
        at_most: Upper bound.
    """
    room = at_most - by_chance
    return (bits - by_chance) * at_most / room if room > _ROUNDING else 0.0


def chance_bits(
    label: Int[np.ndarray, " c"],
    present: Int[np.ndarray, " c"],
    group: Sequence[str],
    *,
    rounds: int,
    seed: int,
) -> Float[np.ndarray, " r"]:
    """Return the mutual information after permuting groups between classes, `rounds` times.

    Clips of one group come from one recording and have similar audio: permuting single clips would
    underestimate chance. The clips of a group in one class are a unit. Units of a group with clips
    in several classes (a speaker, a camera) are similar too: such groups are exchanged as a whole
    with others of as many classes, and their units within them.

    Args:
        label: Class index of every clip.
        present: True for clips with usable audio.
        group: Group index of every clip.
        rounds: Number of permutations.
        seed: Seed.
    """
    num_classes = int(label.max()) + 1
    _, number = np.unique(np.asarray(group, dtype=np.str_), return_inverse=True)
    keys, unit = np.unique(number * num_classes + label, return_inverse=True)
    within = count(unit, present, len(keys))
    group_of, class_of = np.divmod(keys, num_classes)
    blocks = _blocks(group_of)
    random = np.random.default_rng(seed)
    bits = np.zeros(rounds)
    for number_of_round in range(rounds):
        dealt = np.zeros((num_classes, 2), dtype=np.int64)
        for block in blocks:
            shuffled = random.permuted(random.permutation(block), axis=1)
            np.add.at(dealt, class_of[shuffled], within[block])
        bits[number_of_round] = mutual_bits(dealt)
    return bits


def _blocks(group: Int[np.ndarray, " u"]) -> list[Int[np.ndarray, "g k"]]:
    """Return units by groups with equally many units, one row per group; `group` is sorted.

    Units of groups with a unique number of units get rows of their own.
    """
    begins = np.flatnonzero(np.diff(group, prepend=-1))
    sizes = np.diff(begins, append=len(group))
    blocks, alone = [], []
    for size in np.unique(sizes):
        rows = begins[sizes == size][:, None] + np.arange(size)
        if len(rows) > 1:
            blocks.append(rows)
        else:
            alone.append(rows.reshape(-1, 1))
    return [*blocks, np.concatenate(alone)] if alone else blocks


def guess_accuracy(train: Int[np.ndarray, "l p"], test: Int[np.ndarray, "l p"]) -> float:
    """Return the test accuracy of predicting, for every column, its most common train class.

    Columns without train clips use the most common class overall; equally common classes share
    their hits, so that class order has no effect. 0 without test clips.
    """
    hits = 0.0
    for column in range(train.shape[1]):
        seen = train[:, column] if train[:, column].any() else train.sum(axis=1)
        hits += float(test[seen == seen.max(), column].mean())
    return hits / max(1, int(test.sum()))


def dropped(counts: Int[np.ndarray, "l p"], share: float) -> Float[np.ndarray, "l p"]:
    """Return the expected counts after removing audio from a fraction of the clips with audio."""
    lost = share * counts[:, 1]
    return np.stack([counts[:, 0] + lost, counts[:, 1] - lost], axis=1)


def measure(
    train: tuple[Int[np.ndarray, " c"], Int[np.ndarray, " c"], Sequence[str]],
    test: tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"]],
    num_classes: int,
    *,
    seed: int = 0,
    rounds: int = _ROUNDS,
) -> Leak:
    """Measure the leakage of a split.

    Args:
        train: Labels, presence and groups of the train list, which must not be empty.
        test: Labels and presence of the test list.
        num_classes: Number of classes.
        seed: Seed of the permutations.
        rounds: Number of permutations.
    """
    label, present, group = train
    counts, tested = count(label, present, num_classes), count(*test, num_classes)
    bits = mutual_bits(counts)
    chance = chance_bits(label, present, group, rounds=rounds, seed=seed)
    by_chance, at_most = float(chance.mean()), entropy_bits(counts.sum(axis=0))
    return Leak(
        bits=bits,
        bits_corrected=adjusted_bits(bits, by_chance, at_most),
        bits_at_most=at_most,
        bits_by_chance=by_chance,
        p_value=float(1 + np.count_nonzero(chance >= bits - _ROUNDING)) / float(1 + rounds),
        top1_presence=guess_accuracy(counts, tested),
        top1_majority=guess_accuracy(
            counts.sum(axis=1, keepdims=True), tested.sum(axis=1, keepdims=True)
        ),
    )
