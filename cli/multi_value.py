"""Options that take all values that follow them: `--topk 1 5`, `--annotations a.csv b.csv`.

The parser knows options with a fixed number of values only. Before it runs, the option is
repeated: `--topk 1 5 ckpt.pt` becomes `--topk 1 --topk 5 ckpt.pt`. A file whose name is a number
is written with its folder: `./5`. Commas separate integers too: `--topk 1,5`.
"""

import re
from collections.abc import Callable
from typing import Any, ClassVar, Final

from typer.core import TyperCommand

_COMMAS: Final = re.compile(r"\d+(,\d+)+")


class ManyIntegers(TyperCommand):
    """Command with options that take several integers; a split may have another name."""

    many: ClassVar[tuple[str, ...]] = ("--topk", "--split")

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, repeat_options(_without_commas(args, self.many), self.many))


def repeat_options(
    args: list[str], many: tuple[str, ...], is_value: Callable[[str], bool] = str.isdecimal
) -> list[str]:
    """Repeat the options in `many` before their second and later values.

    Args:
        args: Command line.
        many: Options with several values.
        is_value: Returns True for a value.
    """
    end = args.index("--") if "--" in args else len(args)
    written: list[str] = []
    option = ""
    has_value = False
    for arg in args[:end]:
        if option and is_value(arg):
            written += [option, arg] if has_value else [arg]
            has_value = True
        else:
            name, equals, _ = arg.partition("=")
            option, has_value = (name if name in many else ""), bool(equals)
            written.append(arg)
    return written + args[end:]


def _without_commas(args: list[str], many: tuple[str, ...]) -> list[str]:
    """Split `1,5` after an option of `many` into separate arguments."""
    written: list[str] = []
    for before, arg in zip(["", *args], args, strict=False):
        name, equals, values = arg.partition("=")
        if equals and name in many and _COMMAS.fullmatch(values):
            first, *others = values.split(",")
            written += [f"{name}={first}", *others]
        elif before in many and _COMMAS.fullmatch(arg):
            written += arg.split(",")
        else:
            written.append(arg)
    return written


class ManyTables(TyperCommand):
    """Command with options that take several CSV files."""

    many: ClassVar[tuple[str, ...]] = ("--annotations",)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, repeat_options(args, self.many, _is_table))


def _is_table(arg: str) -> bool:
    return arg.lower().endswith(".csv")
