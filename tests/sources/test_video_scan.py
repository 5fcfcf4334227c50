"""Videos are found below a folder, and through links as far as these stay in it."""

import os
import tempfile
from pathlib import Path

import pytest

from avme.sources.video_scan import VideoScanner


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root.resolve()


def found(videos: VideoScanner) -> list[str]:
    return [video.path.relative_to(videos.root).as_posix() for video in videos]


def test_videos_come_in_the_order_of_ids_and_hidden_ones_do_not_come(tmp_path: Path) -> None:
    names = ["a b/1.mp4", "a/1.mp4", "a/2.MKV", "b/c/1.avi"]
    touch(tmp_path, *names, "a/.3.mp4", ".git/a.mp4", "a/notes.txt")
    videos = VideoScanner(tmp_path)

    assert found(videos) == names
    assert not list(videos.warnings())


def test_video_scanner_follows_links_inside_the_folder(tmp_path: Path) -> None:
    root = touch(tmp_path, "dog/a.mp4", ".store/cat/b.mp4")
    (root / "dog" / "same.mp4").symlink_to("a.mp4")
    (root / "cat").symlink_to(root / ".store" / "cat")
    videos = VideoScanner(root)

    targets = {video.path: video.target for video in videos}

    assert targets == {
        root / "cat" / "b.mp4": root / ".store" / "cat" / "b.mp4",
        root / "dog" / "a.mp4": root / "dog" / "a.mp4",
        root / "dog" / "same.mp4": root / "dog" / "a.mp4",
    }
    assert not list(videos.warnings())


def test_video_scanner_separates_outside_from_broken_links(tmp_path: Path) -> None:
    outside = touch(tmp_path / "outside", "secret.mp4", "notes.txt")
    root = touch(tmp_path / "videos", "dog/a.mp4")
    (root / "dog" / "out.mp4").symlink_to(outside / "secret.mp4")
    (root / "dog" / "circle.mp4").symlink_to(root / "dog" / "circle.mp4")
    (root / "dog" / "notes.txt").symlink_to(outside / "notes.txt")
    (root / "dog" / "gone.txt").symlink_to(outside / "gone.txt")
    (root / "bird").symlink_to(tmp_path / "gone")
    (root / "cat").symlink_to(outside)
    videos = VideoScanner(root)

    assert found(videos) == ["dog/a.mp4"]
    outward, nowhere = videos.warnings()
    assert outward.startswith("2 links point outside")
    assert "as cat, dog/out.mp4: give" in outward
    assert nowhere == "2 links are broken, as bird, dog/circle.mp4"


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    root = touch(tmp_path, "a/1.mp4", "b/2.mp4")
    (root / "a" / "above").symlink_to(root)
    (root / "a" / "b").symlink_to(root / "b")
    (root / "b" / "a").symlink_to(root / "a")
    videos = VideoScanner(root)

    names = found(videos)

    assert names == ["a/1.mp4", "a/b/2.mp4", "a/b/a/1.mp4", "b/2.mp4"]
    (warning,) = videos.warnings()
    assert warning.startswith("4 links point to a folder that contains them or was already scanned")
    assert "a/above" in warning


def test_video_scanner_does_not_search_a_prepared_dataset(tmp_path: Path) -> None:
    touch(tmp_path, "dog/a.mp4", "set/plan.json", "set/shards/b.mp4", "old/dataset.json")
    touch(tmp_path, "old/shards/c.mp4", "plan/plan.json", "plan/d.mp4")

    assert found(VideoScanner(tmp_path)) == ["dog/a.mp4", "plan/d.mp4"]


def test_folders_that_cannot_be_read_are_counted() -> None:
    with tempfile.TemporaryDirectory() as open_folder:  # that every user may enter
        root = touch(Path(open_folder), "dog/a.mp4", "cat/b.mp4")
        root.chmod(0o755)
        (root / "cat").chmod(0)
        videos, is_root = VideoScanner(root), os.geteuid() == 0

        if is_root:  # who may read everything
            os.seteuid(65_534)
        try:
            names = found(videos)
        finally:
            if is_root:
                os.seteuid(0)
            (root / "cat").chmod(0o755)

    assert names == ["dog/a.mp4"]
    assert list(videos.warnings()) == ["warning: 1 folders cannot be read, as cat"]


MP4 = b"\0\0\0\x18ftypisom" + bytes(64)


def test_video_scanner_takes_other_names_with_video_content(tmp_path: Path) -> None:
    names = ("noending", "clip.v2", "x.3g2", "x.qt", "x.f4v", "x.divx", "x.mpe", "x.m2v", "x.ogm")
    for name in (*names, "x.MP4V", "notes", "frame.jpg", "movie.mp4.part"):
        (tmp_path / name).write_bytes(b"just text" if name == "notes" else MP4)
    (tmp_path / "linked").symlink_to("noending")
    (tmp_path / "linked.md").symlink_to("noending")
    videos = VideoScanner(tmp_path)

    assert set(found(videos)) == {*names, "x.MP4V", "linked"}
    assert list(videos.warnings()) == [
        "3 files are videos without a video extension, and are used, as clip.v2, linked, noending",
        "warning: 1 unfinished downloads are left out, as movie.mp4.part",
    ]


def test_video_scanner_inspects_a_limited_number_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avme.sources.video_scan.MOST_SNIFFED", 2)
    for name in ("a", "b", "c", "d.mp4"):
        (tmp_path / name).write_bytes(MP4)
    videos = VideoScanner(tmp_path)

    assert found(videos) == ["a", "b", "d.mp4"]
    (_, warning) = videos.warnings()
    assert warning.startswith("warning: 1 files without a video extension were not")
    assert "after 2 of them, as c:" in warning
