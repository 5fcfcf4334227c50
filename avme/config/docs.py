"""Documentation of all settings, for `avme config show` and for commented YAML files."""

import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

from avme.config.base import Settings
from avme.config.dotted_keys import flatten
from avme.config.resolve import leaf_fields

_SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


@dataclass(frozen=True, slots=True)
class Row:
    """Description of one setting."""

    key: str
    default: str
    accepts: str
    doc: str


def describe(model: type[Settings]) -> list[Row]:
    """Describe every setting of a stage, in declaration order."""
    defaults = flatten(model().model_dump(mode="json"))
    return [
        Row(key, yaml_value(defaults[key]), accepts(field), _one_line(field.description))
        for key, field in leaf_fields(model).items()
    ]


def accepts(field: FieldInfo) -> str:
    """Describe the accepted values of a field briefly."""
    return _type_in_words(field.annotation, field.metadata)


def commented_yaml(settings: Settings, title: str, sources: Mapping[str, str] | None = None) -> str:
    """Format a YAML file with the meaning of every setting above it, and its source if known.

    Args:
        settings: Settings.
        title: First comment.
        sources: Source of each setting by dotted key.
    """
    return "\n".join([f"# {title}", *_commented(settings, "", sources or {})]) + "\n"


def yaml_value(value: Any) -> str:
    """Format a value for a line of YAML."""
    line = yaml.safe_dump(value, default_flow_style=True, width=1000, allow_unicode=True)
    return line.removesuffix("...\n").strip()


def _commented(
    settings: Settings, indent: str, sources: Mapping[str, str], prefix: str = ""
) -> list[str]:
    lines: list[str] = []
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, Settings):
            if not indent:
                lines.append("")
            meaning = (type(value).__doc__ or "").splitlines()[0]
            inner = _commented(value, f"{indent}  ", sources, f"{prefix}{name}.")
            lines += [f"{indent}{name}:  # {meaning}", *inner]
            continue
        described = _one_line(field.description)
        source = sources.get(f"{prefix}{name}", "")
        notes = (described, f"({accepts(field)})", source and f"[{source}]")
        comment = " ".join(part for part in notes if part)
        plain = settings.model_dump(mode="json", include={name})[name]
        lines += [f"{indent}# {comment}", f"{indent}{name}: {yaml_value(plain)}"]
    return lines


def _type_in_words(annotation: Any, limits: list[Any]) -> str:
    if get_origin(annotation) is Literal:
        return " | ".join(str(choice) for choice in get_args(annotation))
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [kind for kind in get_args(annotation) if kind is not type(None)]
        return " or ".join([*(_type_in_words(kind, limits) for kind in inner), "none"])
    if get_origin(annotation) is tuple:
        kinds = get_args(annotation)
        count = "" if kinds[-1] is Ellipsis else f"{len(kinds)} x "
        return f"[{count}{_type_in_words(kinds[0], limits)}]"
    if hasattr(annotation, "__metadata__"):
        kind, *extra = get_args(annotation)
        return _type_in_words(kind, [limit for e in extra for limit in getattr(e, "metadata", [])])
    name = {"int": "integer", "float": "number", "str": "text"}.get(
        annotation.__name__, annotation.__name__
    )
    bounds = [
        f"{sign} {value:g}"
        for limit in limits
        for bound, sign in _SIGNS.items()
        if (value := getattr(limit, bound, None)) is not None
    ]
    return " ".join([name, ", ".join(bounds)]).strip()


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
