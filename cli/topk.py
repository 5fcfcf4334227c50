"""`--topk 1 5`: options that take as many integers as follow them.

The parser knows options with a fixed number of values only. Before it runs, the option is
repeated: `--topk 1 5 ckpt.pt` becomes `--topk 1 --topk 5 ckpt.pt`. A file whose name is a number
is written with its folder: `./5`.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from typer.core import TyperCommand


class ManyIntegers(TyperCommand):
    """A command some of whose options take many integers."""

    many: ClassVar[tuple[str, ...]] = ("--topk",)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, repeat_options(args, self.many))


def repeat_options(
    args: list[str], many: tuple[str, ...], is_value: Callable[[str], bool] = str.isdecimal
) -> list[str]:
    """`args` with an option of `many` repeated before its second value and each later one."""
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
