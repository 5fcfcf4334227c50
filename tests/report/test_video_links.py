"""Links lead to files of clips, whatever their names, and never out of the folder."""

from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from avme.errors import UsageError
from avme.report.video_links import CUT, NO_FILE, WHOLE_FILE, VideoFolder, relative_href


@pytest.mark.parametrize("name", ["a b", "50% #1?", "javascript:alert(1)", "ü", "bad\udcff"])
def test_relative_href_resolves_to_the_path_whatever_its_name(name: str, tmp_path: Path) -> None:
    path, page = tmp_path / name / "x.png", tmp_path / "pages" / "p.html"

    for folder in (page.parent, tmp_path):
        href = relative_href(path, folder)
        split = urlsplit(urljoin((folder / "p.html").as_uri(), href))
        found = unquote(split.path, errors="surrogateescape")
        assert (split.scheme, split.query, split.fragment) == ("file", "", "")
        assert Path(found) == path


@pytest.mark.parametrize(
    ("clip", "kind"),
    [
        ("A/a.mp4", WHOLE_FILE),
        ("A/b#5-7.mp4", WHOLE_FILE),
        ("A/a.mp4#5-7.25", CUT),
        ("A/a.mp4#5-", CUT),
        ("A/a.mp4#x", NO_FILE),
        ("A/c.mp4", NO_FILE),
        ("A", NO_FILE),
        ("", NO_FILE),
        ("../secret.mp4", NO_FILE),
        ("../secret.mp4#5-7", NO_FILE),
        ("A/\0", NO_FILE),
        (300 * "x", NO_FILE),
    ],
)
def test_kind_of_a_clip_is_that_of_a_file_inside(clip: str, kind: int, tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    (videos / "A").mkdir(parents=True)
    for file in (videos / "A/a.mp4", videos / "A/b#5-7.mp4", tmp_path / "secret.mp4"):
        file.touch()

    assert VideoFolder(videos, "videos/").kind_of(clip) == kind
    assert VideoFolder(videos, "videos/").kind_of(str(tmp_path / "secret.mp4")) == NO_FILE


def test_open_of_a_folder_without_the_clips_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()

    assert VideoFolder.open(tmp_path, tmp_path / "p", ["b", "a.mp4"]).href == "../"
    assert VideoFolder.open(tmp_path, tmp_path, []).href == "./"
    with pytest.raises(UsageError, match=r"holds no file of the clips \(expected such as b\)"):
        VideoFolder.open(tmp_path, tmp_path, ["b"])
    with pytest.raises(UsageError, match="is no folder"):
        VideoFolder.open(tmp_path / "gone", tmp_path, ["a.mp4"])
