"""`--annotations train.csv val.csv`: an option that takes all CSV files that follow it."""

from typing import Any, ClassVar

from typer.core import TyperCommand

from .multi_value import repeat_options


class ManyTables(TyperCommand):
    """A command some of whose options take many CSV files."""

    many: ClassVar[tuple[str, ...]] = ("--annotations",)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, repeat_options(args, self.many, _is_table))


def _is_table(arg: str) -> bool:
    return arg.lower().endswith(".csv")
