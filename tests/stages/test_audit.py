"""`audit`: what it writes of a small set."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from avme.errors import ArtifactError, AvmeError, SystemRequirementError, UsageError
from avme.io.atomic import read_json, write_json, write_text
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset, split_path
from avme.stages.audit import audit

pytestmark = pytest.mark.slow


class Listening(NullReporter):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)


def test_audit_counts_are_those_of_the_videos(tmp_path: Path, finished: PreparedDataset) -> None:
    result = audit(finished.folder, out=tmp_path)

    facts = read_json(tmp_path / "audit.json")
    assert facts == result.facts
    assert (facts["clips"], facts["frames"], facts["classes"]) == (12, 78, 2)
    assert facts["fps"] == {"25": 9, "29.97": 3}
    assert facts["audio"]["usable"] == 6
    shares = {row["class"]: row["usable_share"] for row in facts["per_class"]}
    assert shares == {"Archery": 0.5, "Bowling": 0.5}
    for facts_of_split in facts["splits"].values():
        assert facts_of_split["leak"]["bits"] == 0.0  # half of either class sounds
        assert facts_of_split["shared_groups"] == []


def test_audit_writes_figures_beside_its_summary(tmp_path: Path, finished: PreparedDataset) -> None:
    result = audit(finished.folder, out=tmp_path)

    names = {"audit.json", "lengths.png", *(f"classes-split{split}.png" for split in "123")}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert {path.name for path in result.files} == names


def test_audit_figures_name_dataset_and_clips(tmp_path: Path, finished: PreparedDataset) -> None:
    audit(finished.folder, out=tmp_path)

    titles = {}
    for path in tmp_path.glob("*.png"):
        with Image.open(path) as image:
            titles[path.name] = image.info["Title"]
    seconds = sorted([10 / 25] * 3 + [2 / 25] * 3 + [6 * 1001 / 30000] * 3 + [8 / 25] * 3)
    median, hours = (seconds[5] + seconds[6]) / 2, sum(seconds) / 3600
    assert titles["lengths.png"] == f"set: n = 12 clips, {hours:.2f} hours, median {median:.1f} s"
    assert titles["classes-split1.png"] == (
        "set, split 1: n = 8 train and 4 test clips, 50.0 % audible"
    )


def test_audit_draws_a_class_named_like_a_formula(
    tmp_path: Path, folder: Path, reseal: Callable[..., None]
) -> None:
    classes = {"Archery": "$5 or $6", "Bowling": r"$\frac$"}
    index = (folder / "index.csv").read_text()
    for name, strange in classes.items():
        index = index.replace(f",{name},", f",{strange},")
    write_text(folder / "index.csv", index)
    reseal(folder, classes=list(classes.values()))

    result = audit(folder, out=tmp_path / "out")

    assert len(result.files) == 5
    assert all(path.is_file() for path in result.files)


def test_audit_with_failing_figure_warns(
    tmp_path: Path, finished: PreparedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, told = Listening(), list[bool]()

    def fail(*_: object, **__: object) -> None:
        assert told == [False]
        raise ValueError("no such glyph")

    monkeypatch.setattr("avme.stages.audit.draw_lengths", fail)
    result = audit(
        finished.folder,
        out=tmp_path,
        tell=lambda facts: told.append((tmp_path / "audit.json").exists()),
        report=report,
    )

    (line,) = report.lines
    assert line.startswith(f"warning: {tmp_path / 'lengths.png'} was not drawn (ValueError: ")
    assert (tmp_path / "audit.json").is_file()
    assert len(result.files) == 4


def test_audit_writes_into_the_dataset_by_default(folder: Path, finished: PreparedDataset) -> None:
    result = audit(folder, out=None)

    assert result.files[0] == folder / "audit" / "audit.json"
    assert PreparedDataset.open(folder).fingerprint == finished.fingerprint


def test_audit_counts_a_group_in_both_subsets(
    tmp_path: Path, folder: Path, reseal: Callable[..., None]
) -> None:
    subsets = [split_path(folder, "1", part) for part in ("train", "test")]
    train, test = (path.read_text().splitlines() for path in subsets)
    moved = next(i for i in test if "v_Archery" in i)
    write_text(subsets[0], "".join(f"{i}\n" for i in sorted([*train, moved])))
    write_text(subsets[1], "".join(f"{i}\n" for i in test if i != moved))
    reseal(folder)

    facts = audit(folder, out=tmp_path / "out").facts

    assert facts["splits"]["1"]["shared_groups"] == [
        {"group": "Archery/g01", "train": 1, "test": 1}
    ]


def test_audit_finds_a_class_of_the_test_list_alone(
    tmp_path: Path, folder: Path, reseal: Callable[..., None]
) -> None:
    train = split_path(folder, "1", "train")
    kept = [line for line in train.read_text().splitlines() if "Archery" not in line]
    write_text(train, "".join(f"{line}\n" for line in kept))
    reseal(folder)

    facts = audit(folder, out=tmp_path / "out").facts

    assert facts["splits"]["1"]["test_only_classes"] == ["Archery"]
    assert facts["splits"]["2"]["test_only_classes"] == []


def test_audit_of_empty_train_list_has_no_leak(
    tmp_path: Path, folder: Path, reseal: Callable[..., None]
) -> None:
    for part in ("train", "test"):
        write_text(split_path(folder, "1", part), "")
    reseal(folder)

    facts = audit(folder, out=tmp_path / "out").facts

    assert (facts["splits"]["1"]["leak"], facts["splits"]["1"]["protocols"]) == (None, [])


def test_audit_with_unreadable_row_names_verify(tmp_path: Path, folder: Path) -> None:
    index = folder / "index.csv"
    write_text(index, index.read_text().replace(",True,", ",perhaps,", 1))

    with pytest.raises(ArtifactError, match="avme verify"):
        audit(folder, out=tmp_path / "out")


def test_audit_of_unfinished_dataset_is_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "plan.json", {})

    with pytest.raises(ArtifactError, match="unfinished"):
        audit(tmp_path, out=None)


@pytest.mark.parametrize(
    ("out", "error"),
    [("file", UsageError), ("file/below", UsageError), ("gone/out", SystemRequirementError)],
)
def test_audit_that_cannot_write_prints_results_first(
    tmp_path: Path, finished: PreparedDataset, out: str, error: type[AvmeError]
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "gone").symlink_to("/proc")  # nobody, not even root, makes a folder there
    told: list[dict[str, object]] = []

    with pytest.raises(error, match=f"{tmp_path}/{out} cannot be written .*--out"):
        audit(finished.folder, out=tmp_path / out, tell=told.append)

    assert [facts["clips"] for facts in told] == [12]


def test_audit_with_baselines_adds_them_to_every_split(
    tmp_path: Path, finished: PreparedDataset
) -> None:
    report = Listening()

    facts = audit(finished.folder, out=tmp_path, baselines=True, report=report).facts

    assert read_json(tmp_path / "audit.json") == facts
    for split in facts["splits"].values():
        found = split.pop("baselines")
        assert found["chance"] == 0.5
        assert list(found["models"]) == ["mean colors", "MFCC statistics", "both"]
    assert facts == audit(finished.folder, out=tmp_path).facts
