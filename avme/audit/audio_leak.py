"""What the mere presence of sound tells of a clip's class, before anybody listens.

A model that may see whether a clip has sound can use that as a hint at its label. Where only some
classes have sound the hint is large, and a gain from sound proves nothing about what is heard.

Shape letters: l classes, p = 2 states (without usable sound, with it), c clips, r rounds,
u units (clips of one group in one class), g groups, k units of each.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

_ROUNDS = 999
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Leak:
    """Presence of usable sound against the class, on the lists of one split."""

    bits: float
    """Mutual information on the train list, from the counts as they are: on few clips too large."""
    bits_corrected: float
    """The same adjusted for chance: 0 on average where presence is independent of the class, given
    the groups, and `bits` where it tells all that it could; below 0 where less than chance does."""
    bits_at_most: float
    """Entropy of presence: what it could tell at most."""
    bits_by_chance: float
    """Mean over rounds in which whole groups were dealt new classes: what nothing looks like."""
    p_value: float
    """Share of rounds, this one included, that told as much."""
    top1_presence: float
    """Test accuracy of guessing the commonest train class with the same presence."""
    top1_majority: float
    """Test accuracy of guessing the commonest train class."""

    @property
    def is_evident(self) -> bool:
        """Whether presence tells more than chance would, at the usual 5 %."""
        return self.p_value <= 0.05


def count(
    label: Int[np.ndarray, " c"], present: Int[np.ndarray, " c"], num_classes: int
) -> Int[np.ndarray, "l p"]:
    """Clips of every class without and with sound."""
    flat = np.bincount(2 * label + present, minlength=2 * num_classes)
    return flat.reshape(num_classes, 2).astype(np.int64)


def entropy_bits(counts: Float[np.ndarray, "*any"] | Int[np.ndarray, "*any"]) -> float:
    """Entropy of the shares that counts are of their sum; 0 without any."""
    total = float(counts.sum())
    if total <= 0:
        return 0.0
    share = counts[counts > 0] / total
    return float(-(share * np.log2(share)).sum()) + 0.0  # no -0.0


def mutual_bits(counts: Float[np.ndarray, "l p"] | Int[np.ndarray, "l p"]) -> float:
    """Plug-in mutual information of rows and columns; 0 to the smaller of their entropies."""
    apart = entropy_bits(counts.sum(axis=0)) + entropy_bits(counts.sum(axis=1))
    return max(0.0, apart - entropy_bits(counts))


def adjusted_bits(bits: float, by_chance: float, at_most: float) -> float:
    """Mutual information adjusted for chance (Vinh et al. 2010), in bits.

    The excess over `by_chance`, the mean over permutations, is scaled so that `at_most` stays as it
    is. 0 where chance reaches the maximum too, as with one group a class: nothing can be told then.
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
    """Mutual information after the groups of all classes were dealt new classes, `rounds` times.

    Clips of one group come from one recording and sound alike: dealing out clips one by one would
    make chance look smaller than it is. The clips of a group in one class are a unit. Units of a
    group that has clips in several classes (a speaker, a camera) sound alike too: such groups
    change places as a whole with others of as many classes, and their units within them.
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
    """Units of groups of equally many units, a row for each; `group` is sorted.

    Units of groups that no other equals in number stand in rows of their own.
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
    """Test accuracy of guessing, for every column, its commonest class on the train list.

    Columns that train never saw take the commonest class of all; classes that are equally common
    share their hits, so that no order of classes decides. 0 without test clips.
    """
    hits = 0.0
    for column in range(train.shape[1]):
        seen = train[:, column] if train[:, column].any() else train.sum(axis=1)
        hits += float(test[seen == seen.max(), column].mean())
    return hits / max(1, int(test.sum()))


def dropped(counts: Int[np.ndarray, "l p"], share: float) -> Float[np.ndarray, "l p"]:
    """Expected counts once sound is taken from `share` of the clips that have it."""
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
    """The leak of a split; both sides as labels and presence, the train list with its groups.

    The train list must not be empty.
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
