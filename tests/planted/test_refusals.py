"""`avme eval` refuses what set or checkpoint do not allow: one line, exit code 2."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from avme.shards.dataset import PreparedDataset
from avme.stages.finetune import finetune
from avme_cli.app import app
from tests.planted.prepared import write_dataset
from tests.planted.recipes import recipe
from tests.planted.truths import FPS, SetSize, xor_clips

pytestmark = pytest.mark.slow
SMALL = SetSize(train_groups=2, test_groups=2, clips=2)


@pytest.fixture(scope="module")
def mute(tmp_path_factory: pytest.TempPathFactory) -> PreparedDataset:
    """A set without any audio."""
    clips = [replace(clip, samples=None) for clip in xor_clips(1, SMALL)]
    return write_dataset(tmp_path_factory.mktemp("mute") / "mute", clips, FPS)


@pytest.fixture(scope="module")
def ungrouped(tmp_path_factory: pytest.TempPathFactory) -> PreparedDataset:
    """A set in which every clip is a group of its own."""
    clips = xor_clips(1, replace(SMALL, clips=1))
    return write_dataset(tmp_path_factory.mktemp("ungrouped") / "ungrouped", clips, FPS)


@pytest.fixture(scope="module")
def without_audio(mute: PreparedDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of frames alone."""
    out = tmp_path_factory.mktemp("runs") / "v"
    config = recipe(num_frames=4, epochs=1, modality="v", batch_size=4)
    return finetune(config, data=mute.folder, out=out, init=None)


@pytest.fixture
def evaluate(tmp_path: Path) -> Callable[..., Result]:
    """Runs `avme eval` with few views."""

    def run(checkpoint: Path, prepared: PreparedDataset, *options: str) -> Result:
        views = ["--topk", "1", "--segments", "1", "--crops", "1", "--device", "cpu"]
        where = ["--data", str(prepared.folder), "--out", str(tmp_path / "eval")]
        arguments = ["eval", str(checkpoint), *where, *views, "--workers", "0", *options]
        return CliRunner().invoke(app, arguments, prog_name="avme")

    return run


def require_refusal(result: Result, *parts: str) -> None:
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert (result.exit_code, len(lines)) == (2, 1), result.stderr
    assert result.stderr.splitlines()[-1] == lines[0]
    assert all(part in lines[0] for part in parts), lines[0]


@pytest.mark.parametrize(
    ("option", "mode", "parts"),
    [
        ("--audio", "shufle", ("unknown mode (got 'shufle'", "did you mean shuffle?")),
        ("--audio", "noise", ("noise@SNR needs a number", "noise@10")),
        ("--audio", "offset=soon", ("offset=S needs a number", "offset=1")),
        ("--frames", "still", ("frames: unknown mode (got 'still'", "static")),
    ],
)
def test_evaluate_with_unknown_mode_is_refused(
    option: str,
    mode: str,
    parts: tuple[str, ...],
    evaluate: Callable[..., Result],
    without_audio: Path,
    mute: PreparedDataset,
) -> None:
    require_refusal(evaluate(without_audio, mute, option, mode), *parts)


@pytest.mark.parametrize("mode", ["donor", "presence-swap", "shuffle"])
def test_evaluate_with_donors_of_a_list_without_audio_is_refused(
    mode: str,
    evaluate: Callable[..., Result],
    trained: Callable[[str], Path],
    mute: PreparedDataset,
) -> None:
    result = evaluate(trained("xor"), mute, "--audio", mode)

    require_refusal(result, "no clip of the list has audio")


@pytest.mark.parametrize("mode", ["null", "shuffle", "offset=1"])
def test_evaluate_of_a_classifier_without_audio_refuses_audio_modes(
    mode: str, evaluate: Callable[..., Result], without_audio: Path, mute: PreparedDataset
) -> None:
    result = evaluate(without_audio, mute, "--audio", mode)

    require_refusal(result, f"--audio {mode}: the classifier gets no audio")


def test_controls_of_a_classifier_without_audio_measure_motion_alone(
    evaluate: Callable[..., Result], without_audio: Path, mute: PreparedDataset
) -> None:
    result = evaluate(without_audio, mute, "--controls")

    assert result.exit_code == 0, result.stderr
    assert result.stdout.count("not measured") == 5


def test_controls_of_a_set_without_groups_give_intervals_by_clip(
    evaluate: Callable[..., Result], trained: Callable[[str], Path], ungrouped: PreparedDataset
) -> None:
    result = evaluate(trained("xor"), ungrouped, "--controls")

    assert result.exit_code == 0, result.stderr
    assert "intervals: bootstrap over 4 clips" in result.stdout
