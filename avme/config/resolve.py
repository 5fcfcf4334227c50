"""Settings from defaults, a preset, a YAML file, `--set` and flags.

A later layer wins: defaults, base (an earlier run), preset, file, `--set`, flags. Errors name key,
value and origin. A warm-up of a default or a preset is limited to a share of the epochs.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from avme.config.base import Settings
from avme.config.dotted_keys import Leaves, flatten, nest
from avme.config.suggestions import find_hint
from avme.config.validation_errors import describe_fault
from avme.config.warmup import limited_warmup
from avme.config.yaml12 import MOST_CHARACTERS, read_yaml, write_yaml
from avme.errors import ConfigError, MismatchError
from avme.message_text import some_of

S = TypeVar("S", bound=Settings)

_PRESET = "the preset"
_WARMUP, _EPOCHS = "optim.warmup_epochs", "train.epochs"
_FLAGS = ("--out", "--config", "--set")
"""Options of the commands that are no settings."""
_TRAINING_FLAGS = ("--data", "--from", "--init", "--preset", "--resume", "--overwrite", "--gpus")


def resolve(
    stage_model: type[S],
    *,
    preset: Mapping[str, Any] | None = None,
    file: Path | None = None,
    sets: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
    base: Mapping[str, Any] | None = None,
) -> S:
    """Resolve the settings of one run.

    Args:
        stage_model: Settings class of the stage.
        preset: Name of the preset, if any.
        file: Settings file, if any.
        sets: Values of `--set`.
        flags: Values of options by dotted key; None is not given.
        base: Settings of lowest priority.
    """
    layers = [
        ("the earlier run", flatten(base or {})),
        (_PRESET, flatten(preset or {})),
        *_given_layers(stage_model, file, sets, flags),
    ]
    return _build(stage_model, layers)


def given_settings(
    stage_model: type[Settings],
    *,
    file: Path | None = None,
    sets: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
) -> Leaves:
    """Return the values of a file, `--set` and flags by dotted key, not yet validated.

    Args:
        stage_model: Settings class of the stage.
        file: Settings file, if any.
        sets: Values of `--set`.
        flags: Values of options by dotted key.

    Raises:
        ConfigError: Unknown key.
    """
    fields, given = leaf_fields(stage_model), Leaves()
    for origin, leaves in _given_layers(stage_model, file, sets, flags):
        for key, value in leaves.items():
            if key not in fields:
                raise ConfigError(_unknown(key, fields, origin))
            given[key] = _as_meant(value, fields[key])
    return given


def to_yaml(settings: Settings) -> str:
    """Format settings as YAML, which `from_yaml` reads back to an equal object."""
    return write_yaml(settings.model_dump(mode="json"))


def from_yaml(model: type[S], text: str, origin: str = "the settings") -> S:
    """Parse YAML; missing settings have their defaults."""
    return _build(model, [(origin, flatten(_mapping(read_yaml(text, origin), origin)))])


def read_settings(file: Path) -> dict[str, Any]:
    """Read a YAML file as a nested dict, not yet validated; raises ConfigError if it is invalid."""
    return nest(_read_file(file))


def refuse_contradictions(
    settings: S,
    base: Mapping[str, Any],
    keys: Sequence[str],
    owner: str,
    otherwise: str = "start from other weights",
) -> None:
    """Raise MismatchError if `settings` differ from `base` in one of `keys` or below it.

    Args:
        settings: Settings of the command.
        base: Settings that they must match.
        keys: Dotted keys to compare.
        owner: Owner of `base`, for the message.
        otherwise: Alternative to suggest.
    """
    asked = flatten(settings.model_dump())
    given = flatten(resolve(type(settings), base=base).model_dump())
    differing = [
        f"{key} is {given[key]!r} there, {asked[key]!r} here"
        for key in asked
        if asked[key] != given[key] and any(f"{key}.".startswith(f"{k}.") for k in keys)
    ]
    if differing:
        raise MismatchError(
            f"the settings contradict {owner}: {some_of(differing, separator='; ')}; leave them "
            f"out, or {otherwise}"
        )


def leaf_fields(model: type[Settings], prefix: str = "") -> dict[str, FieldInfo]:
    """Map dotted keys to fields, for every setting that is not a group of settings."""
    fields: dict[str, FieldInfo] = {}
    for name, field in model.model_fields.items():
        group = field.annotation
        if isinstance(group, type) and issubclass(group, Settings):
            fields |= leaf_fields(group, f"{prefix}{name}.")
        else:
            fields[f"{prefix}{name}"] = field
    return fields


def _build(model: type[S], layers: Sequence[tuple[str, Leaves]]) -> S:
    fields, merged = leaf_fields(model), flatten(model().model_dump())
    origins: dict[str, str] = {}
    for origin, leaves in layers:
        for key, value in leaves.items():
            if key not in fields:
                raise ConfigError(_unknown(key, fields, origin))
            merged[key] = _as_meant(value, fields[key])
            origins[key] = origin
    try:
        settings = model.model_validate(nest(merged))
        if _WARMUP in fields and origins.get(_WARMUP, _PRESET) == _PRESET:
            recipe = flatten(model().model_dump()) | dict(layers).get(_PRESET, {})
            merged = flatten(settings.model_dump())
            merged[_WARMUP] = limited_warmup(recipe[_WARMUP], recipe[_EPOCHS], merged[_EPOCHS])
            settings = model.model_validate(nest(merged))
        return settings
    except ValidationError as error:
        faults = [describe_fault(e, origins) for e in error.errors()]
        raise ConfigError(some_of(faults, separator="; ")) from error


def _given_layers(
    model: type[Settings], file: Path | None, sets: Sequence[str], flags: Mapping[str, Any] | None
) -> list[tuple[str, Leaves]]:
    return [
        (str(file), _read_file(file)),
        ("--set", _read_sets(model, sets)),
        ("the command line", {k: v for k, v in (flags or {}).items() if v is not None}),
    ]


def _read_file(file: Path | None) -> Leaves:
    if file is None:
        return {}
    try:
        with file.open(encoding="utf-8") as opened:
            text = opened.read(MOST_CHARACTERS + 1)  # what is longer is refused
    except FileNotFoundError:
        raise ConfigError(f"{file} does not exist: expected a YAML file of settings") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read as text: {error}") from error
    return flatten(_mapping(read_yaml(text, str(file)), str(file)))


def _read_sets(model: type[Settings], sets: Sequence[str]) -> Leaves:
    fields, leaves = leaf_fields(model), Leaves()
    for assignment in sets:
        key, equals, text = (part.strip() for part in assignment.partition("="))
        if not equals or not key:
            raise ConfigError(
                f"--set {assignment}: expected KEY=VALUE, as in --set clip.image_size=112"
            )
        if key in fields and fields[key].annotation is str:
            leaves[key] = text
        else:
            leaves |= flatten({key: read_yaml(text, f"--set {assignment}")})
    return leaves


def _mapping(content: Any, origin: str) -> Mapping[str, Any]:
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        found = type(content).__name__
        raise ConfigError(f"{origin} holds a {found}, expected settings as `key: value` lines")
    return content


def _as_meant(value: Any, field: FieldInfo) -> Any:
    """Convert a YAML value to the type of its field: 1 to "1" for text, "none" to None."""
    if field.annotation is str and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value == "none" and type(None) in get_args(field.annotation):
        return None
    return value


def _unknown(key: str, fields: Mapping[str, FieldInfo], origin: str) -> str:
    inside = [known for known in fields if known.startswith(f"{key}.")]
    if inside:
        return f"{key} in {origin} is a group of settings: give {some_of(inside)}"
    flags = {*_FLAGS, *(_TRAINING_FLAGS if "train.epochs" in fields else ())}
    if "modality" not in fields:
        flags.discard("--from")
    guess = (
        _of_other_stage(key) or find_hint(key, fields, flags) or "`avme config show` lists them all"
    )
    return f"unknown setting {key} in {origin}: {guess}"


def _of_other_stage(key: str) -> str | None:
    """Return a sentence on the commands that have a grouped setting with exactly this name."""
    from avme.config import EvalConfig, FinetuneConfig, PrepConfig, PretrainConfig

    models: dict[str, type[Settings]] = {
        "prep": PrepConfig,
        "pretrain": PretrainConfig,
        "finetune": FinetuneConfig,
        "eval": EvalConfig,
    }
    have = [name for name, model in models.items() if key in leaf_fields(model)]
    return f"it is a setting of avme {' and avme '.join(have)}" if have and "." in key else None
