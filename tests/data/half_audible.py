"""Dataset of two classes of which one has audio, as half of UCF-101's classes."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args, get_type_hints

from avme.config import PrepConfig
from avme.data.clip_reader import ClipReader
from avme.prep.request import Request
from avme.progress import NullReporter
from avme.shards.dataset import ClipEntry, PreparedDataset
from avme.stages.prep import prepare
from avme.stages.training import mfcc_facts

AUDIBLE_STATE: str = get_args(get_type_hints(ClipEntry)["audio"])[0]
"""State of clips with usable audio."""
TONE = "sine=frequency={}:sample_rate=16000"
SHORT = "sine=frequency=900:sample_rate=16000,atrim=duration=0.4"


def prepare_half_audible(root: Path, make_video: Callable[..., Path]) -> PreparedDataset:
    """Prepare clips of 25 frames: class A has audio, that of g10 for 0.4 s only; B has none."""
    for number in (1, 8, 9, 10):
        audio = SHORT if number == 10 else TONE.format(200 * number)
        make_video(root / f"in/A/v_A_g{number:02d}_c01.avi", frames=25, audio=audio)
        make_video(root / f"in/B/v_B_g{number:02d}_c01.avi", frames=25, audio=None)
    request = Request(
        "ucf101", root / "in", out=root / "out", name="set", config=PrepConfig(num_workers=1)
    )
    made = prepare(request, report=NullReporter())
    assert made is not None
    return made


def reader_of(prepared: PreparedDataset, subset: str = "train") -> ClipReader:
    """Return a reader of one list of split 1, normalized by its train list."""
    entries = prepared.subset("1", "train" if subset == "train" else "test")
    return ClipReader(prepared, entries, mfcc_facts(prepared, "1"))
