"""Options shared by several commands, declared once as the fields of a dataclass.

`@sharing(Common)` turns `command(common, own...)` into a command with its own options and every
field of `Common`: Typer reads a command's options from its signature.
"""

from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import wraps
from inspect import Parameter, signature
from typing import Any, get_type_hints


def sharing(common: type[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate a function whose first parameter is a `common`, to be a command with its fields."""
    hints = get_type_hints(common, include_extras=True)
    shared = [
        Parameter(
            field.name,
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(common)
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(**given: Any) -> None:
            command(common(**{each.name: given.pop(each.name) for each in shared}), **given)

        own_hints = get_type_hints(command, include_extras=True)
        own = [
            each.replace(kind=Parameter.KEYWORD_ONLY, annotation=own_hints[each.name])
            for each in list(signature(command).parameters.values())[1:]
        ]
        parameters = [*own, *shared]
        run.__signature__ = signature(command).replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        return run

    return decorate
