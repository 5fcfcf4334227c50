"""The same files give the same set, byte by byte, in any folder and with any number of workers."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from avme.shards.dataset import PreparedDataset

pytestmark = pytest.mark.slow

MakeVideo = Callable[..., Path]
RunPrep = Callable[..., PreparedDataset]

OWN = {"plan.json", "prep.jsonl"}
"""Notes of a folder for itself: the place of its videos, and how long its shards took."""


@pytest.fixture
def broken(tmp_path: Path, make_video: MakeVideo, ffmpeg_on_path: str) -> Path:
    """Videos that ffmpeg complains of, and one that it does not."""
    folder = tmp_path / "broken"
    h264 = ("-c:v", "libx264", "-threads", "1", "-g", "10")
    good = make_video(folder / "good.avi", frames=20)
    known = make_video(folder / "known.mkv", frames=20, options=(*h264, "-c:a", "ac3"))
    content = known.read_bytes()
    (folder / "unknown_audio.mkv").write_bytes(content.replace(b"A_AC3", b"A_XC3"))
    turned = bytearray(content)
    for index in range(len(content) // 3, len(content), 41):
        turned[index] ^= 0xA5
    (folder / "turned.mkv").write_bytes(turned)
    (folder / "cut.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(200))
    (folder / "cut.avi").write_bytes(good.read_bytes()[:3000])
    noise = make_video(folder / "noise.ts", frames=60, options=(*h264, "-c:a", "mp2"))
    stream = bytearray(noise.read_bytes())
    for index in range(188 * 8 + 20, len(stream), 188 * 3):
        stream[index] ^= 0xFF
    noise.write_bytes(stream)
    rows = "".join(
        f"{path.name},{'ab'[index % 2]},{'train' if index < 4 else 'test'}\n"
        for index, path in enumerate(sorted(folder.glob("*.*")))
    )
    (folder / "clips.csv").write_text(f"path,label,split\n{rows}")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in OWN and not path.name.startswith(".")
    }


def test_place_and_number_of_workers_change_no_byte(
    tmp_path: Path, broken: Path, run_prep: RunPrep
) -> None:
    below = shutil.copytree(broken, tmp_path / "below the videos [1]")
    deep = shutil.copytree(broken, tmp_path / ("deep" * 20) / "caf\u00e9 'x'")
    sets = [
        run_prep(
            broken / "clips.csv", tmp_path / "beside", layout="csv", num_workers=1, max_failed=1.0
        ),
        run_prep(below / "clips.csv", below / "data", layout="csv", num_workers=2, max_failed=1.0),
        run_prep(
            deep / "clips.csv", deep, layout="csv", num_workers=2, shard_clips=4, max_failed=1.0
        ),
    ]

    first, *others = (contents(made.folder) for made in sets)

    assert "damaged: " in first["index.csv"].decode()
    assert len(first["quarantine.csv"].splitlines()) > 1
    assert any(name.endswith(".h5") for name in first)
    for other in others:
        assert other.keys() == first.keys()
        assert [name for name in first if first[name] != other[name]] == []
    everything = b"".join(first.values())
    for trace in (str(tmp_path).encode(), b".work", b" @ 0x"):
        assert trace not in everything
