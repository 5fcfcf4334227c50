"""Layout `ucf101`: split lists `trainlist01.txt`, `testlist01.txt`, ... and `classInd.txt`.

Lines end in CRLF; labels count from 1 and may be missing. Names are matched without case and
suffix: the lists have HandStandPushups where the archive's folder is HandstandPushups.
"""

import re
from array import array
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from avme.errors import UsageError
from avme.message_text import some_of
from avme.sources.clip_lookup import ClipLookup
from avme.sources.clip_table import ClipTable
from avme.sources.folder import find_videos
from avme.sources.groups import GroupIndex
from avme.sources.split_strategies import splits_by_group_number
from avme.sources.splits import (
    SourceResult,
    Split,
    explained_by,
    find_lists_folder,
    split_at,
    warn_of_shared_groups,
    warn_of_unlisted_classes,
)

_TRAIN_LIST = re.compile(r"trainlist(\d+)\.txt", re.IGNORECASE)
_LINE = re.compile(r"(?P<name>.+?\.[A-Za-z0-9]{2,5})(?:\s+(?P<label>\d+))?")


def find_ucf101(source: Path, lists: Path | None) -> SourceResult:
    """Find the clips below `source`, split by `lists`, lists beside them, or group numbers.

    Raises UsageError if there are no clips or no splits of them.
    """
    warnings: list[str] = []
    clips = find_videos(source, "ucf101", warnings)
    with explained_by(warnings):
        if (folder := lists or find_lists(source, clips)) is not None:
            splits = splits_from_lists(folder, clips, warnings)
        else:
            splits = splits_by_group_number(clips, warnings)
    return SourceResult(clips, splits, tuple(warnings))


def find_lists(source: Path, clips: ClipTable) -> Path | None:
    """Return the folder in or beside `source` whose lists match these clips; None without one."""

    def has_lists(folder: Path) -> bool:
        return (folder / "trainlist01.txt").is_file() and names_a_class(folder, clips)

    return find_lists_folder(source, has_lists)


def read_list(path: Path) -> Iterator[tuple[str, int | None]]:
    """Read names and labels of one list; raises UsageError with an invalid line."""
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise UsageError(
                f"{path}:{number}: found {line!r}, expected <Class>/<clip>.avi [label]"
            )
        label = int(match["label"]) if match["label"] else None
        yield match["name"].replace("\\", "/"), label


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            for line in file:
                yield from line.splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as a list of clips: {error}") from error


def names_a_class(folder: Path, clips: ClipTable) -> bool:
    """Return True if the lists in `folder` name any class that exists."""
    on_disk = {name.lower() for name in clips.class_names}
    return any(
        _key(name)[0] in on_disk
        for train in _train_lists(folder).values()
        for name, _ in read_list(train)
    )


def splits_from_lists(folder: Path, clips: ClipTable, warnings: list[str]) -> tuple[Split, ...]:
    """Return the splits of the existing clips by the lists in `folder`.

    Args:
        folder: Folder of lists.
        clips: Existing clips.
        warnings: Receives the path of the lists and warnings about them.

    Raises:
        UsageError: The lists are invalid, or no split has train and test clips.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder, expected trainlist01.txt, testlist01.txt, ...")
    train_lists = _train_lists(folder)
    if not train_lists:
        raise UsageError(f"{folder} holds no trainlist01.txt: expected UCF-101's split lists")
    if not names_a_class(folder, clips):
        raise UsageError(
            f"the lists in {folder} name no class that is on the disk (found "
            f"{some_of(clips.class_names)}): "
            "these are another set's lists"
        )
    keys, groups = ClipLookup(len(clips), lambda index: _key(clips.ids[index])), GroupIndex(clips)
    classes = _read_class_numbers(folder)
    splits: list[Split] = []
    found = [f"split lists: {folder}"]
    for name, train_path in train_lists.items():
        split, notes = _read_split(name, train_path, clips, keys, classes)
        if not len(split.train) or not len(split.test):
            found.append(f"split {name} left out: none of its train or test clips is on the disk")
            continue
        splits.append(split)
        found.extend([*notes, *warn_of_shared_groups(split, groups)])
    if not splits:
        raise UsageError(f"the lists in {folder} leave every split without train or test clips")
    warnings.extend([*found, *warn_of_unlisted_classes(splits, clips)])
    return tuple(splits)


def _train_lists(folder: Path) -> dict[str, Path]:
    found = {
        str(int(match[1])): path
        for path in sorted(folder.iterdir())
        if (match := _TRAIN_LIST.fullmatch(path.name))
    }
    return dict(sorted(found.items(), key=lambda item: int(item[0])))


def _read_split(
    name: str, train_path: Path, clips: ClipTable, keys: ClipLookup, classes: dict[int, str]
) -> tuple[Split, list[str]]:
    test_path = train_path.with_name(re.sub("train", "test", train_path.name, flags=re.IGNORECASE))
    if not test_path.is_file():
        raise UsageError(f"{test_path} is missing beside {train_path.name}")
    train, missing_train = _match(train_path, keys, classes)
    test, missing_test = _match(test_path, keys, classes)
    split = split_at(name, clips, train, test)
    both = np.intersect1d(train, test)
    if len(both):
        first = clips.ids[int(both[0])]
        raise UsageError(f"{first} is in {train_path.name} and in {test_path.name}")
    warnings = []
    if missing_train or missing_test:
        warnings.append(
            f"split {name}: {missing_train} train and {missing_test} test names of the lists are "
            "not on the disk"
        )
    unlisted = len(keys) - len(split.train) - len(split.test)
    if unlisted:
        warnings.append(f"split {name}: {unlisted} clips on the disk are in neither list")
    return split, warnings


def _match(path: Path, keys: ClipLookup, classes: dict[int, str]) -> tuple[NDArray[np.int32], int]:
    """Return the indices of a list's existing clips, and the number of missing ones."""
    found, missing = array("i"), 0
    for name, label in read_list(path):
        key = _key(name)
        if label is not None and classes and classes.get(label) != key[0]:
            raise UsageError(
                f"{path}: {name} has label {label}, which classInd.txt calls "
                f"{classes.get(label, 'nothing')}"
            )
        index = keys.find(key)
        if index is None:
            missing += 1
        else:
            found.append(index)
    return np.array(found, dtype=np.int32), missing


def _read_class_numbers(folder: Path) -> dict[int, str]:
    path = folder / "classInd.txt"
    if not path.is_file():
        return {}
    rows = [line.split() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    return {int(row[0]): row[1].lower() for row in rows if len(row) == 2 and row[0].isdecimal()}


def _key(name: str) -> tuple[str, str]:
    """Return class and clip, in lower case and without suffix."""
    path = PurePosixPath(name)
    return path.parent.name.lower(), path.stem.lower()
