"""Schema of checkpoints: types and ranges of every field.

`weights_only` prevents code execution, but not tensors that claim more values than they have,
invalid numbers, or lists that contain themselves.
"""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from avme.errors import ArtifactError

FORMAT: Final = 3
"""Version of the format of checkpoints and of avme's weights.safetensors."""
STAGES: Final = ("pretrain", "finetune")
_FLOATS: Final = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_TEXTS: Final = ("preset", "dataset", "fingerprint", "train_list_sha256", "split", "train_content")
_SCALER: Final = {"scale", "growth_factor", "backoff_factor", "growth_interval", "_growth_tracker"}
_MOST_LEVELS: Final = 64
_MOST_VALUES: Final = 10_000_000
_MOST: Final = 2**63 - 1
_LARGEST: Final = 1e308


def require_format(found: object, path: Path) -> None:
    """Raise ArtifactError if the checkpoint or weights at `path` have another format."""
    if found != FORMAT:
        raise ArtifactError(
            f"{path}: written by another version of avme (got format {found!r:.40}, expected "
            f"{FORMAT}). Train again"
        )


def require_content(content: Mapping[str, Any]) -> None:
    """Raise ValueError for invalid fields of a checkpoint."""
    stage, step = content["stage"], content["step"]
    if stage not in STAGES:
        raise ValueError(f"stage is {stage!r:.40}, expected {' or '.join(STAGES)}")
    if type(step) is not int or not 0 <= step <= _MOST:
        raise ValueError(f"step is {step!r:.40}, expected a count")
    require_plain(content["config"], "config")
    require_facts(content["facts"])
    require_numbers(content["best"], "best")
    require_weights(content["model"], "model")
    _require_optimizer(content["optimizer"])
    _require_meter(content["meter"])
    averages = isinstance(train := content["config"].get("train"), Mapping) and (
        train.get("ema_decay") is not None
    )
    if content["optimizer"] and averages and not content["average"]:
        raise ValueError("average is missing, which train.ema_decay needs")
    average, scaler = content["average"], content["scaler"]
    if average != {}:
        _require_keys(average, {"tensors", "updates"}, "average")
        require_weights(average["tensors"], "average")
        if type(average["updates"]) is not int or average["updates"] < 0:
            raise ValueError("average.updates is not a count")
    if scaler != {}:
        _require_keys(scaler, _SCALER, "scaler")
        require_numbers(scaler, "scaler")
        if scaler["scale"] <= 0:
            raise ValueError("scaler.scale is not positive")


def require_facts(facts: Any) -> None:
    """Raise ValueError if the metadata of a run have invalid types."""
    require_plain(facts, "facts")
    for name in _TEXTS:
        if not isinstance(facts.get(name, ""), str):
            raise ValueError(f"{name} is not text")
    classes = facts.get("classes", [])
    if not _are(classes, lambda name: isinstance(name, str)) or len(set(classes)) != len(classes):
        raise ValueError("classes are not a list of different names")
    if (mfcc := facts.get("mfcc")) is not None:
        _require_keys(mfcc, {"mean", "deviation"}, "mfcc")
        mean, deviation = mfcc["mean"], mfcc["deviation"]
        if not (_are(mean, _is_number) and _are(deviation, lambda d: _is_number(d) and d > 0)):
            raise ValueError("mfcc is not a mean and deviation")
        if not mean or len(mean) != len(deviation):
            raise ValueError(f"mfcc has {len(mean)} means and {len(deviation)} deviations")
    if (extended := facts.get("extended")) is not None:
        _require_extended(extended)
    for name in ("init", "pretrained"):
        if facts.get(name) is not None:
            require_facts(facts[name])


def require_plain(value: Any, name: str) -> None:
    """Raise ValueError unless `value` is a mapping of plain values, of bounded size and depth."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} is {type(value).__name__}, expected named values")
    level: list[Any] = [value]
    count = 0
    for _ in range(_MOST_LEVELS):
        inside: list[Any] = []
        for one in level:
            if isinstance(one, Mapping):
                if not all(isinstance(key, str) for key in one):
                    raise ValueError(f"{name} holds a key that is not text")
                one = one.values()
            for inner in one:
                if isinstance(inner, dict | list | tuple):
                    inside.append(inner)
                elif not (isinstance(inner, str | bool | None) or _is_number(inner)):
                    raise ValueError(f"{name} holds {type(inner).__name__}, expected plain values")
            count += len(one)
            if count > _MOST_VALUES:
                raise ValueError(f"{name} holds more than {_MOST_VALUES:,} values")
        if not inside:
            return
        level = inside
    raise ValueError(f"{name} is nested more than {_MOST_LEVELS} levels deep")


def require_numbers(value: Any, name: str) -> None:
    """Raise ValueError unless `value` is a mapping of names to finite numbers."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} is {type(value).__name__}, expected named numbers")
    for key, number in value.items():
        if not isinstance(key, str) or not _is_number(number):
            raise ValueError(f"{name}.{key!s:.40} is not a finite number")


def require_weights(tensors: Any, name: str) -> None:
    """Raise ValueError unless these are named dense tensors of finite numbers."""
    if not isinstance(tensors, Mapping) or not tensors:
        raise ValueError(f"{name} holds no named tensors")
    for key, tensor in tensors.items():
        if not isinstance(key, str):
            raise ValueError(f"{name} has a tensor whose name is not text")
        require_dense(tensor, f"{name}.{key}")
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise ValueError(f"{name}.{key} is not finite, expected finite real numbers")


def require_dense(tensor: Any, name: str) -> None:
    """Raise ValueError unless the tensor stores all of its values, as floats or integers.

    Half, single and double precision are accepted. Nothing is computed with the tensor.
    """
    if type(tensor) not in (Tensor, nn.Parameter):
        raise ValueError(f"{name} is {type(tensor).__name__}, expected a tensor")
    if tensor.layout != torch.strided or tensor.is_nested:
        raise ValueError(f"{name} is sparse or nested, expected a dense tensor")
    if tensor.is_quantized or tensor.dtype not in (*_FLOATS, torch.int64, torch.int32, torch.bool):
        raise ValueError(f"{name} is {tensor.dtype}, expected finite real numbers")
    if tensor.device.type != "cpu":
        raise ValueError(f"{name} has no numbers (device {tensor.device.type})")
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise ValueError(f"{name} claims {tensor.numel():,} numbers, more than the file holds")


def _require_optimizer(state: Any) -> None:
    if state == {}:
        return
    _require_keys(state, {"state", "param_groups"}, "optimizer")
    groups, states = state["param_groups"], state["state"]
    if not isinstance(groups, list) or not isinstance(states, Mapping):
        raise ValueError("optimizer holds no groups or no states")
    for group in groups:
        require_plain(group, "optimizer.param_groups")
    for number, one in states.items():
        if type(number) is not int or not isinstance(one, Mapping):
            raise ValueError("optimizer.state is not a list of states by number")
        for key, value in one.items():
            if not _is_number(value):
                require_dense(value, f"optimizer.state.{number}.{key!s:.40}")


def _require_meter(state: Any) -> None:
    if state == {}:
        return
    _require_keys(state, {"sums", "counts"}, "meter")
    sums, counts = state["sums"], state["counts"]
    require_numbers(counts, "meter.counts")
    if not isinstance(sums, Mapping) or sums.keys() != counts.keys():
        raise ValueError("meter.sums and meter.counts have other names")
    for name, value in sums.items():
        require_dense(value, f"meter.sums.{name}")
        if value.ndim or type(counts[name]) is not int or counts[name] < 1:
            raise ValueError(f"meter.{name} is not a sum and count")


def _require_extended(extended: Any) -> None:
    _require_keys(extended, {"warmup_epochs", "epochs", "changes"}, "extended")
    warmup, epochs, changes = (extended[key] for key in ("warmup_epochs", "epochs", "changes"))

    def is_change(change: Any) -> bool:
        return _are(change, _is_count) and len(change) == 2

    if not (_is_number(warmup) and warmup >= 0 and _is_count(epochs) and _are(changes, is_change)):
        raise ValueError("extended is not a record of changed epochs")


def _require_keys(value: Any, keys: set[str], name: str) -> None:
    if not isinstance(value, Mapping) or set(value) != keys:
        found = sorted(map(str, value))[:3] if isinstance(value, Mapping) else type(value).__name__
        raise ValueError(f"{name} holds {found!s:.60}, expected {', '.join(sorted(keys))}")


def _are(values: Any, is_one: Callable[[Any], bool]) -> bool:
    return isinstance(values, list | tuple) and all(map(is_one, values))


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MOST


def _is_number(value: Any) -> bool:
    """Return True for a finite number within the range of a float; booleans are not numbers."""
    return type(value) in (int, float) and abs(value) <= _LARGEST and math.isfinite(value)
