"""YAML 1.2 reader and writer: `on` is a string, 4e-3 is a number, repeated keys are errors.

PyYAML follows YAML 1.1, where `on:` is the key True, 4e-3 a string and 010 the number 8.

Files are untrusted: length, depth, and the expansion of aliases are limited before anything is
built, and only values that settings can have are allowed.
"""

import re
from collections.abc import Hashable, Mapping
from typing import Any, Final

import yaml

from avme.errors import ConfigError
from avme.message_text import one_line

_PLAIN = {
    "tag:yaml.org,2002:bool": (r"true|True|false|False", "tTfF"),
    "tag:yaml.org,2002:int": (r"[-+]?[0-9]+", "-+0123456789"),
    "tag:yaml.org,2002:float": (
        r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+",
        "-+.0123456789",
    ),
    "tag:yaml.org,2002:null": (r"null|Null|~|", "nN~"),
}


MOST_CHARACTERS: Final = 1 << 18
"""Maximum length of a text; a file with all settings and their meaning has about 20,000."""
MOST_LEVELS: Final = 32
MOST_VALUES: Final = 10_000
"""Maximum number of values, with every alias expanded."""
_TEXT_TAG: Final = "tag:yaml.org,2002:str"


class _PlainLoader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own name and shape

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key is a list or mapping, expected text", key.start_mark
                )
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key.value} appears twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)

    def construct_decimal(self, node: yaml.ScalarNode) -> int:
        """Parse a decimal number, ignoring leading zeros, as in 1e03."""
        return int(node.value)


class _PlainDumper(yaml.SafeDumper):
    yaml_implicit_resolvers: dict[str, Any] = {  # noqa: RUF012 - as above
        first: list(rules) for first, rules in yaml.SafeDumper.yaml_implicit_resolvers.items()
    }

    def represent_row(self, row: list[Any]) -> yaml.Node:
        """Write a list on one line."""
        return self.represent_sequence("tag:yaml.org,2002:seq", row, flow_style=True)


_PlainLoader.add_constructor("tag:yaml.org,2002:int", _PlainLoader.construct_decimal)
_PlainDumper.add_representer(list, _PlainDumper.represent_row)
for _tag, (_pattern, _first) in _PLAIN.items():
    for _side in (
        _PlainLoader,
        _PlainDumper,
    ):  # the dumper must quote what the loader would convert
        _side.add_implicit_resolver(_tag, re.compile(rf"^(?:{_pattern})$"), [*_first, ""])


def write_yaml(content: Mapping[str, Any]) -> str:
    """Format `content` so that `read_yaml` returns it."""
    return yaml.dump(content, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True)


def read_yaml(text: str, origin: str) -> Any:
    """Parse YAML; raises ConfigError, which names `origin`, for invalid or oversized text."""
    if len(text) > MOST_CHARACTERS:
        raise ConfigError(
            f"{origin} has more than {MOST_CHARACTERS:,} characters, which no file of settings has"
        )
    try:
        _require_plain(text)
        return yaml.load(text, Loader=_PlainLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{origin} is not YAML: {error.problem}{where}") from error
    except (yaml.YAMLError, ValueError) as error:
        reason = one_line(error)
        raise ConfigError(f"{origin} is not YAML: {reason}") from error


def _require_plain(text: str) -> None:
    """Raise YAMLError for too many, too deep, or unsupported values.

    Events are read one at a time, and nothing is built from them.
    """
    sizes: dict[str, int] = {}
    open_: list[tuple[str | None, int]] = []
    total = 0
    for event in yaml.parse(text, Loader=_PlainLoader):
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_.pop()
            if anchor is not None:
                sizes[anchor] = total - before
            continue
        if not isinstance(event, yaml.NodeEvent):
            continue
        name: str | None = event.anchor
        if isinstance(event, yaml.AliasEvent):
            if any(name == anchor for anchor, _ in open_):
                raise _refusal(event, f"*{name} contains itself")
            total += sizes.get(name or "", 1)
        else:
            total += 1
            if getattr(event, "tag", None) not in (None, _TEXT_TAG):
                raise _refusal(event, "a value has a tag, expected a plain value")
            if isinstance(event, yaml.CollectionStartEvent):
                open_.append((name, total - 1))
            elif name is not None:
                sizes[name] = 1
        if len(open_) > MOST_LEVELS:
            raise _refusal(event, f"nested more than {MOST_LEVELS} levels deep")
        if total > MOST_VALUES:
            raise _refusal(event, f"more than {MOST_VALUES:,} values, counting those of aliases")


def _refusal(event: Any, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
