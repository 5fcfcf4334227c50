"""Whatever settings validation accepts either train or are refused in one line with a known code.

Settings are drawn from the types and limits of the setting trees, at their borders more often than
between them, and run on a tiny set. Draws are seeded; AVME_RANDOM_DRAWS sets how many are made.
"""

import math
import os
import random
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import pytest

from avme.config import EvalConfig, FinetuneConfig, PretrainConfig
from avme.config.base import Settings
from avme.config.resolve import leaf_fields, resolve
from avme.errors import AvmeError
from avme.shards.dataset import PreparedDataset
from avme.stages.evaluate import evaluate
from avme.stages.finetune import finetune
from avme.stages.pretrain import pretrain

pytestmark = pytest.mark.slow

DRAWS = int(os.environ.get("AVME_RANDOM_DRAWS", "16"))
REFUSED = (2, 4, 6, 7)
"""Exit codes of settings, artifacts, machines, and of training that diverges."""

TINY: dict[str, Any] = {
    "clip.num_frames": 4,
    "clip.frame_stride": 2,
    "clip.image_size": 16,
    "mask.ratio": 0.75,
    "model.visual.dim": 16,
    "model.visual.depth": 1,
    "model.visual.heads": 4,
    "model.visual.patch_size": 4,
    "model.audio.widths": (4, 4, 4, 8),
    "model.audio.blocks": (1, 1, 1, 1),
    "model.fusion.heads": 4,
    "model.decoder.dim": 16,
    "model.decoder.depth": 1,
    "model.decoder.heads": 2,
    "train.epochs": 1,
    "train.batch_size": 4,
    "train.num_workers": 0,
    "train.log_every": 1,
    "train.device": "cpu",
    "train.log_images_every_epochs": None,
    "val_fraction": 0.4,
    "device": "cpu",
    "num_workers": 0,
}
LARGEST = {
    "clip.num_frames": 9,
    "clip.frame_stride": 6,
    "clip.image_size": 40,
    "model.visual.dim": 48,
    "model.visual.depth": 2,
    "model.decoder.dim": 48,
    "model.decoder.depth": 2,
    "model.audio.num_cepstra": 20,
    "model.audio.widths": 12,
    "model.audio.blocks": 2,
    "model.pos_embed_grid": 9,
    "train.epochs": 2,
    "train.batch_size": 11,
    "train.repeat": 3,
    "segments": 4,
}
"""What is tried at most of settings that cost time or memory; others go to their limits."""
FIXED = (
    "train.wandb",
    "train.compile",
    "train.device",
    "train.num_workers",
    "device",
    "num_workers",
)


def draw_value(rng: random.Random, kind: Any, limits: Sequence[Any], most: float | None) -> Any:
    """A value that the annotation `kind` may have, or that lies at or beyond its limits."""
    origin, kinds = get_origin(kind), get_args(kind)
    if origin is Literal:
        return rng.choice(kinds)
    if origin in (Union, types.UnionType):
        inner = next(one for one in kinds if one is not type(None))
        return None if rng.random() < 0.3 else draw_value(rng, inner, limits, most)
    if origin is tuple:
        if kinds[-1] is Ellipsis:
            kinds = (kinds[0],) * rng.randint(0, 3)
        return tuple(draw_value(rng, one, (), most) for one in kinds)
    if hasattr(kind, "__metadata__"):
        more = [limit for field in kind.__metadata__ for limit in getattr(field, "metadata", ())]
        return draw_value(rng, kinds[0], more, most)
    if kind is bool:
        return rng.random() < 0.5
    if kind is str:
        return rng.choice(["1", "2", "x"])
    least = first_of(limits, ("gt", "ge"))
    largest = first_of(limits, ("lt", "le"))
    return draw_number(rng, kind, least, largest if most is None else most)


def first_of(limits: Sequence[Any], names: Sequence[str]) -> float | None:
    found = [value for limit in limits for name in names if (value := getattr(limit, name, None))]
    zero = any(getattr(limit, name, None) == 0 for limit in limits for name in names)
    return found[0] if found else (0.0 if zero else None)


def draw_number(
    rng: random.Random, kind: type[float], least: float | None, most: float | None
) -> float:
    if kind is int:
        first = -2 if least is None else int(least)
        last = first + 12 if most is None else int(most)
        return rng.choice([first, first + 1, last, rng.randint(first, min(last, first + 12))])
    low = -2.0 if least is None else least
    high = rng.choice([2.0, 100.0, 1e30, 1e300]) if most is None else most
    inside = low + (high - low) * rng.random()
    return rng.choice([low, high, inside, inside, math.nextafter(low, high), low + 1e-9])


def draw_settings(rng: random.Random, model: type[Settings]) -> dict[str, Any]:
    """One to five settings by dotted key."""
    fields = leaf_fields(model)
    free = [key for key in fields if key not in FIXED and not key.startswith("slurm.")]
    return {
        key: draw_value(rng, fields[key].annotation, fields[key].metadata, LARGEST.get(key))
        for key in rng.sample(free, rng.randint(1, min(5, len(free))))
    }


def require_known_end(run: Callable[[], object], out: Path, settings: Mapping[str, Any]) -> None:
    try:
        run()
        return
    except AvmeError as error:
        refusal = error
    except Exception as error:
        raise AssertionError(f"{settings} ended with {error!r}") from error
    assert refusal.exit_code in REFUSED, (settings, str(refusal))
    assert "\n" not in str(refusal), settings
    assert refusal.exit_code != 2 or not out.exists(), (settings, str(refusal))


def tiny(model: type[Settings], settings: Mapping[str, Any]) -> dict[str, Any]:
    known = leaf_fields(model)
    return {key: value for key, value in TINY.items() if key in known} | dict(settings)


@pytest.mark.parametrize("model", [PretrainConfig, FinetuneConfig])
@pytest.mark.parametrize("draws", range(4))
def test_any_settings_train_or_are_refused_in_a_line(
    model: type[PretrainConfig] | type[FinetuneConfig],
    draws: int,
    finished: PreparedDataset,
    tmp_path: Path,
) -> None:
    for draw in range(draws, DRAWS, 4):
        settings = draw_settings(random.Random(f"{model.__name__} {draw}"), model)
        out = tmp_path / str(draw)

        def run(settings: Mapping[str, Any] = settings, out: Path = out) -> None:
            config = resolve(model, flags=tiny(model, settings))
            if isinstance(config, PretrainConfig):
                pretrain(config, data=finished.folder, out=out)
            else:
                finetune(config, data=finished.folder, out=out, init=None)

        require_known_end(run, out, settings)


def test_any_settings_evaluate_or_are_refused_in_a_line(
    finished: PreparedDataset, finetuned: Path, tmp_path: Path
) -> None:
    for draw in range(DRAWS // 4):
        settings = draw_settings(random.Random(f"eval {draw}"), EvalConfig)

        out = tmp_path / str(draw)

        def run(settings: Mapping[str, Any] = settings, out: Path = out) -> None:
            config = resolve(EvalConfig, flags=tiny(EvalConfig, settings))
            evaluate(finetuned, data=finished.folder, config=config, out=out)

        require_known_end(run, out, settings)
