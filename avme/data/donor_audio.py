"""Audio of donors: clips without usable audio get that of a random clip of another group.

With donors every clip has audio for its whole duration, so that neither its presence nor the rows
that it covers depend on the class. A clip's own audio is used wherever it is usable.

Shape letters: s MFCC rows, f coefficients.
"""

from collections.abc import Iterable
from hashlib import blake2b
from itertools import groupby

from jaxtyping import Bool, Float
from torch import Tensor

from avme.data.clip_reader import ClipReader
from avme.data.temporal_sampling import Window
from avme.errors import MismatchError
from avme.message_text import some_of
from avme.shards.dataset import ClipEntry


class DonorPool:
    """Clips with usable audio; a donor is drawn from those of other groups with equal chance.

    A draw depends on the seed, the clip's id and the pool alone.
    """

    def __init__(self, entries: Iterable[ClipEntry]) -> None:
        with_audio = (entry for entry in entries if entry.has_audio)
        self.clips = tuple(sorted(with_audio, key=lambda entry: (entry.group, entry.id)))
        self._ranges: dict[str, range] = {}
        for group, members in groupby(range(len(self.clips)), lambda at: self.clips[at].group):
            indices = list(members)
            self._ranges[group] = range(indices[0], indices[-1] + 1)

    def choose(self, entry: ClipEntry, seed: int) -> ClipEntry:
        """Draw a donor of another group for `entry`.

        Raises MismatchError if no clip of another group has audio.
        """
        own = self._ranges.get(entry.group, range(0))
        count = len(self.clips) - len(own)
        if not count:
            raise _no_donor([entry], len(self.clips))
        digest = blake2b(f"donor,{seed},{entry.id}".encode(), digest_size=8).digest()
        drawn = int.from_bytes(digest, "big") % count
        return self.clips[drawn if drawn < own.start else drawn + len(own)]

    def require_donors(self, entries: Iterable[ClipEntry]) -> None:
        """Raise MismatchError if a clip without usable audio has no donor."""
        if lacking := self.without_donor(entries):
            raise _no_donor(lacking, len(self.clips))

    def without_donor(self, entries: Iterable[ClipEntry]) -> list[ClipEntry]:
        """Return the clips without usable audio that have no donor of another group."""
        return [
            entry
            for entry in entries
            if not entry.has_audio and len(self._ranges.get(entry.group, ())) == len(self.clips)
        ]


class DonorAudio:
    """Audio of a draw: the clip's own if it is usable, else a donor's; can be sent to workers.

    `own` reads the clips, `donors` the clips of the pool; they may be the same reader.
    """

    def __init__(self, own: ClipReader, donors: ClipReader, pool: DonorPool) -> None:
        self.own, self.donors, self.pool = own, donors, pool

    def source(self, entry: ClipEntry, seed: int) -> ClipEntry:
        """Return the clip whose audio a draw of `entry` with this seed has."""
        return entry if entry.has_audio else self.pool.choose(entry, seed)

    def __call__(
        self, entry: ClipEntry, window: Window, seed: int
    ) -> tuple[Float[Tensor, "s f"], Bool[Tensor, " s"]]:
        """Return the normalized MFCC of a window, valid wherever the clip has frames.

        Args:
            entry: Clip.
            window: Span of the clip.
            seed: Seed of the draw.
        """
        reader = self.own if entry.has_audio else self.donors
        return reader.cyclic_audio(self.source(entry, seed), window, entry.num_frames)


def _no_donor(lacking: list[ClipEntry], num_donors: int) -> MismatchError:
    names = some_of([entry.id for entry in lacking])
    return MismatchError(
        f"protocol donor: {len(lacking)} clips without usable audio ({names}) have no donor (got "
        f"{num_donors} training clips with audio, expected some of another group): use another "
        "--protocol"
    )
