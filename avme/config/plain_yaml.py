"""YAML as people mean it: `on` is a word, 4e-3 is a number, and no key may stand twice.

PyYAML follows YAML 1.1, where `on:` is the key True, 4e-3 a string and 010 the number 8.
"""

import re
from collections.abc import Hashable, Mapping
from typing import Any

import yaml

from avme.errors import ConfigError

_PLAIN = {
    "tag:yaml.org,2002:bool": (r"true|True|false|False", "tTfF"),
    "tag:yaml.org,2002:int": (r"[-+]?[0-9]+", "-+0123456789"),
    "tag:yaml.org,2002:float": (
        r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+",
        "-+.0123456789",
    ),
    "tag:yaml.org,2002:null": (r"null|Null|~|", "nN~"),
}


class _PlainLoader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own name and shape

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key.value} stands twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)

    def construct_decimal(self, node: yaml.ScalarNode) -> int:
        """Leading zeros mean nothing, as in 1e03."""
        return int(node.value)


class _PlainDumper(yaml.SafeDumper):
    yaml_implicit_resolvers: dict[str, Any] = {  # noqa: RUF012 - as above
        first: list(rules) for first, rules in yaml.SafeDumper.yaml_implicit_resolvers.items()
    }

    def represent_row(self, row: list[Any]) -> yaml.Node:
        """Lists on one line."""
        return self.represent_sequence("tag:yaml.org,2002:seq", row, flow_style=True)


_PlainLoader.add_constructor("tag:yaml.org,2002:int", _PlainLoader.construct_decimal)
_PlainDumper.add_representer(list, _PlainDumper.represent_row)
for _tag, (_pattern, _first) in _PLAIN.items():
    for _side in (_PlainLoader, _PlainDumper):  # the dumper must quote what the loader would turn
        _side.add_implicit_resolver(_tag, re.compile(rf"^(?:{_pattern})$"), [*_first, ""])


def write_yaml(content: Mapping[str, Any]) -> str:
    """Text that `read_yaml` turns back into `content`."""
    return yaml.dump(content, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True)


def read_yaml(text: str, origin: str) -> Any:
    """The value that `text` spells; raises ConfigError, which names `origin`, if it is no YAML."""
    try:
        return yaml.load(text, Loader=_PlainLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{origin} is not YAML: {error.problem}{where}") from error
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{origin} is not YAML: {reason}") from error
