"""58 odd files: what `prep` makes of each stands in docs/oddmedia.md, and is what ffmpeg says.

AVME_WRITE_DOCS=1 in the environment writes that table anew.
"""

import csv
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.shards.index import read_records
from avme.shards.record import ClipRecord
from avme.stages.verify import verify

pytestmark = pytest.mark.slow

RunPrep = Callable[..., PreparedDataset]

DOCUMENT = Path(__file__).parents[2] / "docs" / "oddmedia.md"
HEADER = "| file | frames | audio | outcome | what it is |"
OTHER_FRAMES = {"audio_with_cover.m4a"}
"""Where we deliberately see other pictures than ffmpeg; docs/oddmedia.md says why."""
SILENT = {"one_frame.avi", "silent_audio.avi"}


@pytest.fixture(scope="module")
def truth(shared: Path) -> dict[str, dict[str, str]]:
    """What ffmpeg 5.1 says of every file."""
    with (shared / "data" / "oddmedia" / "manifest.csv").open(newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def odd(
    tmp_path_factory: pytest.TempPathFactory,
    shared: Path,
    truth: dict[str, dict[str, str]],
    run_prep: RunPrep,
) -> PreparedDataset:
    """All of them in one set."""
    work = tmp_path_factory.mktemp("odd")
    table = work / "odd.csv"
    rows = [f"{name},odd,{'train' if i % 2 else 'test'}" for i, name in enumerate(truth)]
    table.write_text("\n".join(["path,label,split", *rows]) + "\n")
    folder = shared / "data" / "oddmedia"
    return run_prep(
        table,
        work,
        layout="csv",
        root=folder,
        shard_clips=None,
        max_failed=1.0,
        timeout_seconds=60.0,
    )


def quarantine_of(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "quarantine.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def codes(record: ClipRecord) -> list[str]:
    """Without sentences: `damaged` has ffmpeg's, and another version has other ones."""
    ours, damaged, _ = record.warnings.partition("damaged: ")
    found = [part.split(": ")[0] for part in ours.split(" | ") if part]
    return [*found, *(["damaged"] if damaged else [])]


def lines_of(made: PreparedDataset, truth: dict[str, dict[str, str]]) -> list[str]:
    records = {record.id: record for record in read_records(made.folder)}
    bad = quarantine_of(made.folder)
    lines = [HEADER, "|---|---|---|---|---|"]
    for name, row in truth.items():
        if name in bad:
            cells = ["", "", f"quarantined: `{bad[name]['reason']}`"]
        else:
            record = records[name]
            warnings = "".join(f", `{code}`" for code in codes(record))
            cells = [str(record.frames), record.audio, f"prepared{warnings}"]
        lines.append(f"| `{name}` | {' | '.join(cells)} | {row['note'].replace('|', '/')} |")
    return lines


def test_prep_of_odd_media_gives_the_documented_table(
    odd: PreparedDataset, truth: dict[str, dict[str, str]]
) -> None:
    expected = lines_of(odd, truth)
    text = DOCUMENT.read_text(encoding="utf-8")
    found = [line for line in text.splitlines() if line.startswith("|")]
    found = found[found.index(HEADER) :][: len(expected)]

    if os.environ.get("AVME_WRITE_DOCS") == "1":
        DOCUMENT.write_text(text.replace("\n".join(found), "\n".join(expected)), encoding="utf-8")
        return
    assert found == expected


def test_prep_of_odd_media_prepares_or_quarantines_each(
    odd: PreparedDataset, truth: dict[str, dict[str, str]]
) -> None:
    good = {entry.id for entry in odd.entries}
    bad = quarantine_of(odd.folder)

    assert len(truth) == 58
    assert good | bad.keys() == truth.keys()
    assert not good & bad.keys()
    assert verify(odd.folder, all_frames=True, seed=0, report=NullReporter()).problems == ()


def test_prep_of_odd_media_stores_what_ffmpeg_decodes(
    odd: PreparedDataset, truth: dict[str, dict[str, str]]
) -> None:
    records = {record.id: record for record in read_records(odd.folder)}

    for name, row in truth.items():
        frames = int(row["frames"]) if row["frames"].isdigit() else 0
        if name in OTHER_FRAMES:
            assert name not in records
            continue
        assert (records[name].frames if name in records else 0) == frames, name
        if name in records:
            heard = "silent" if name in SILENT else "audible"
            assert records[name].audio == (heard if row["sound_16k"] not in ("", "0") else "none")


def test_prep_of_odd_media_stores_audio_of_the_decoded_length(
    odd: PreparedDataset, truth: dict[str, dict[str, str]]
) -> None:
    for record in read_records(odd.folder):
        # Holes in damaged sound stay holes here: it is as long as it was before.
        like = "good.mp4" if record.id == "bitflip_200.mp4" else record.id
        decoded_seconds = int(truth[like]["sound_16k"] or 0) / 16_000
        if record.id == "size_change.ts":
            decoded_seconds -= 0.045  # by which the audio of its second half overlaps the first
        # Another ffmpeg leaves out what AAC pads.
        assert record.audio_seconds == pytest.approx(decoded_seconds, abs=0.03), record.id


def test_quarantine_reason_is_a_sentence_with_the_file_name(odd: PreparedDataset) -> None:
    for name, row in quarantine_of(odd.folder).items():
        assert name in row["message"]
        assert len(row["message"].split()) >= 3
        assert str(odd.folder.parent) not in row["message"]
