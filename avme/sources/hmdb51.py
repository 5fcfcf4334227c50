"""Layout `hmdb51`: class folders, and `<class>_test_split1.txt` ... with lines `name.avi 1`.

1 is train, 2 is test, 0 is in neither list. A name ends in `_<body>_<camera>_np<number>_<view>_
<quality>_<number>`; the part before is the source video of the clip: its group.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from avme.errors import UsageError
from avme.sources.clip_lookup import ClipLookup
from avme.sources.clip_table import ClipTable
from avme.sources.folder import find_videos
from avme.sources.groups import GroupIndex
from avme.sources.splits import (
    SourceResult,
    Split,
    explained_by,
    find_lists_folder,
    split_at,
    warn_of_shared_groups,
    warn_of_unlisted_classes,
)

_FILE = re.compile(r"(?P<name>.+)_test_split(?P<split>\d+)\.txt", re.IGNORECASE)
_LINE = re.compile(r"(?P<name>.+?)\s+(?P<part>[012])")
_NAME = re.compile(
    r"(?P<video>.+)"
    r"_[a-z]+"  # visible part of the body: h(ead), u(pper), l(ower), f(ull)
    r"_(?:cm|nm)"  # camera motion, or none
    r"_np\d+"  # number of persons
    r"_[a-z]{2}"  # view: fr(ont), ba(ck), le(ft), ri(ght)
    r"_[a-z]{3}"  # quality: goo(d), med(ium), bad
    r"_\d+",
    re.IGNORECASE,
)


Key = tuple[str, str]


def find_hmdb51(source: Path, lists: Path | None) -> SourceResult:
    """Find the clips below `source` and the official splits, by `lists` or lists beside them.

    Raises UsageError if there are no clips, no lists, or no split has train and test clips.
    """
    warnings: list[str] = []
    clips = find_videos(source, "hmdb51", warnings, group_of=source_video)
    with explained_by(warnings):
        splits = _splits_from_lists(lists or _find_folder(source), clips, warnings)
    return SourceResult(clips, splits, tuple(warnings))


def source_video(clip_id: str) -> str | None:
    """Return the source video of a clip, if its name has the pattern."""
    match = _NAME.fullmatch(PurePosixPath(clip_id).stem)
    return match["video"] if match else None


def _splits_from_lists(folder: Path, clips: ClipTable, warnings: list[str]) -> tuple[Split, ...]:
    """Return the splits of the existing clips by the lists in `folder`."""
    keys = ClipLookup(len(clips), lambda at: (clips.class_name(at).lower(), _stem(clips.ids[at])))
    groups = GroupIndex(clips)
    splits: list[Split] = []
    found = [f"split lists: {folder}"]
    for name, files in _files(folder).items():
        parts = _read_parts(files)
        split = split_at(name, clips, *(_indices(parts, keys, part) for part in ("1", "2")))
        if not len(split.train) or not len(split.test):
            found.append(f"split {name} left out: none of its train or test clips is on the disk")
            continue
        splits.append(split)
        absent = sum(keys.find(key) is None for key, part in parts.items() if part != "0")
        if absent:
            found.append(f"split {name}: {absent} train and test clips are not on the disk")
        unlisted = len(keys) - sum(keys.find(key) is not None for key in parts)
        if unlisted:
            found.append(f"split {name}: {unlisted} clips on the disk are in no list")
        found.extend(warn_of_shared_groups(split, groups))
    if not splits:
        raise UsageError(f"the lists in {folder} leave every split without train or test clips")
    warnings.extend([*found, *warn_of_unlisted_classes(splits, clips)])
    return tuple(splits)


def _find_folder(source: Path) -> Path:
    if (folder := find_lists_folder(source, _has_lists)) is not None:
        return folder
    raise UsageError(
        f"no split lists in or beside {source.resolve()}, expected <class>_test_split1.txt: "
        "give their folder with --splits, or draw a split with `avme prep folder`"
    )


def _has_lists(folder: Path) -> bool:
    return next(folder.glob("*_test_split1.txt"), None) is not None


def _files(folder: Path) -> dict[str, list[tuple[str, Path]]]:
    """Return class and file of every list, by split, in order."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder, expected <class>_test_split1.txt, ...")
    found: defaultdict[int, list[tuple[str, Path]]] = defaultdict(list)
    for path in sorted(folder.iterdir()):
        if match := _FILE.fullmatch(path.name):
            found[int(match["split"])].append((match["name"].lower(), path))
    if not found:
        raise UsageError(
            f"{folder} holds no <class>_test_split1.txt: expected HMDB51's split lists"
        )
    return {str(number): found[number] for number in sorted(found)}


def _read_parts(files: Iterable[tuple[str, Path]]) -> dict[Key, str]:
    """Return 0, 1 or 2 for every listed clip; raises UsageError with an invalid line."""
    parts: dict[Key, str] = {}
    for class_name, path in files:
        for number, line in _lines(path):
            match = _LINE.fullmatch(line)
            if match is None:
                raise UsageError(f"{path}:{number}: found {line!r}, expected <clip>.avi 0, 1 or 2")
            key = class_name, _stem(match["name"])
            if parts.setdefault(key, match["part"]) != match["part"]:
                raise UsageError(
                    f"{path}:{number}: {match['name']} already appears with {parts[key]}: delete "
                    "one"
                )
    return parts


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as a list of clips: {error}") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, line.strip()


def _indices(parts: dict[Key, str], keys: ClipLookup, part: str) -> NDArray[np.int64]:
    found = (keys.find(key) for key in parts if parts[key] == part)
    return np.array([index for index in found if index is not None], dtype=np.int64)


def _stem(name: str) -> str:
    """Return the name in lower case without suffix: a converted clip still matches."""
    return PurePosixPath(name).stem.lower()
