"""UCF-101's split lists: `trainlist01.txt`, `testlist01.txt`, ... and `classInd.txt`.

Lines end in CRLF; labels count from 1 and may be missing. Names are matched without regard to
case and ending: the lists say HandStandPushups where the archive's folder is HandstandPushups.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from avme.data.discover import SourceClip
from avme.data.splits import Split, Splits, warn_of_shared_groups
from avme.errors import UsageError

_TRAIN_LIST = re.compile(r"trainlist(\d+)\.txt", re.IGNORECASE)
_LINE = re.compile(r"(?P<name>.+?\.[A-Za-z0-9]{2,5})(?:\s+(?P<label>\d+))?")

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class NameList:
    """One list as it was written."""

    path: Path
    names: tuple[str, ...]
    labels: tuple[int | None, ...]


def find_lists(source: Path, clips: Sequence[SourceClip]) -> Path | None:
    """The folder in or beside `source` whose lists speak of these clips; None if there is none."""
    source = source.resolve()
    for parent in (source, source.parent):
        for folder in (parent, *sorted(path for path in parent.iterdir() if path.is_dir())):
            if (folder / "trainlist01.txt").is_file() and names_a_class(folder, clips):
                return folder
    return None


def read_list(path: Path) -> NameList:
    """Reads one list; raises UsageError with the line that is none."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as a list of clips: {error}") from error
    names, labels = [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise UsageError(
                f"{path}:{number}: found {line!r}, expected <Class>/<clip>.avi [label]"
            )
        names.append(match["name"].replace("\\", "/"))
        labels.append(int(match["label"]) if match["label"] else None)
    return NameList(path, tuple(names), tuple(labels))


def names_a_class(folder: Path, clips: Iterable[SourceClip]) -> bool:
    """Whether the lists in `folder` speak of any class that is on the disk."""
    on_disk = {clip.class_name.lower() for clip in clips}
    return any(
        _key(name)[0] in on_disk
        for train in _train_lists(folder).values()
        for name in read_list(train).names
    )


def splits_from_lists(folder: Path, clips: Sequence[SourceClip]) -> Splits:
    """The splits that the lists in `folder` give to the clips on the disk."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder, expected trainlist01.txt, testlist01.txt, ...")
    train_lists = _train_lists(folder)
    if not train_lists:
        raise UsageError(f"{folder} holds no trainlist01.txt: expected UCF-101's split lists")
    if not names_a_class(folder, clips):
        raise UsageError(
            f"the lists in {folder} name no class that is on the disk (found "
            f"{', '.join(sorted({clip.class_name for clip in clips})[:3])}, ...): "
            "these are another set's lists"
        )
    by_key = {_key(clip.id): clip for clip in clips}
    classes = _read_class_numbers(folder)
    splits: list[Split] = []
    remarks = [f"split lists: {folder}"]
    for name, train_path in train_lists.items():
        split, said = _read_split(name, train_path, by_key, classes)
        if not split.train or not split.test:
            remarks.append(f"split {name} left out: none of its train or test clips is on the disk")
            continue
        splits.append(split)
        remarks.extend([*said, *warn_of_shared_groups(split, clips)])
    if not splits:
        raise UsageError(f"the lists in {folder} leave every split without train or test clips")
    return Splits(tuple(splits), tuple(remarks))


def _train_lists(folder: Path) -> dict[str, Path]:
    found = {
        str(int(match[1])): path
        for path in sorted(folder.iterdir())
        if (match := _TRAIN_LIST.fullmatch(path.name))
    }
    return dict(sorted(found.items(), key=lambda item: int(item[0])))


def _read_split(
    name: str, train_path: Path, by_key: dict[Key, SourceClip], classes: dict[int, str]
) -> tuple[Split, list[str]]:
    test_path = train_path.with_name(re.sub("train", "test", train_path.name, flags=re.IGNORECASE))
    if not test_path.is_file():
        raise UsageError(f"{test_path} is missing beside {train_path.name}")
    train, missing_train = _match(read_list(train_path), by_key, classes)
    test, missing_test = _match(read_list(test_path), by_key, classes)
    both = sorted(set(train) & set(test))
    if both:
        raise UsageError(f"{both[0]} stands in {train_path.name} and in {test_path.name}")
    remarks = []
    if missing_train or missing_test:
        remarks.append(
            f"split {name}: {missing_train} train and {missing_test} test names of the lists are "
            "not on the disk"
        )
    unlisted = len(by_key) - len(set(train)) - len(set(test))
    if unlisted:
        remarks.append(f"split {name}: {unlisted} clips on the disk are in neither list")
    return Split(name, tuple(sorted(set(train))), tuple(sorted(set(test)))), remarks


def _match(
    names: NameList, by_key: dict[Key, SourceClip], classes: dict[int, str]
) -> tuple[list[str], int]:
    """Ids of the listed clips that are on the disk, and how many are not."""
    found: list[str] = []
    for name, label in zip(names.names, names.labels, strict=True):
        key = _key(name)
        if label is not None and classes and classes.get(label) != key[0]:
            raise UsageError(
                f"{names.path}: {name} has label {label}, which classInd.txt calls "
                f"{classes.get(label, 'nothing')}"
            )
        if key in by_key:
            found.append(by_key[key].id)
    return found, len(names.names) - len(found)


def _read_class_numbers(folder: Path) -> dict[int, str]:
    path = folder / "classInd.txt"
    if not path.is_file():
        return {}
    rows = [line.split() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    return {int(row[0]): row[1].lower() for row in rows if len(row) == 2 and row[0].isdecimal()}


def _key(name: str) -> Key:
    """Class and clip, in lower case and without the ending."""
    path = PurePosixPath(name)
    return path.parent.name.lower(), path.stem.lower()
