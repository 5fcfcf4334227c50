"""The checks of shapes that all tests run under find what jaxtyping's own find."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import jaxtyping
import pytest
import torch
from beartype import beartype
from jaxtyping import Float, TypeCheckError
from torch import Tensor

from avme.batch import AVBatch
from tests.shape_checks import checked, has_shapes

Rows = Float[Tensor, "n d"]


def check(decorated: Any) -> Any:
    return checked(decorated, typechecker=beartype)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Rows, True),
        (tuple[Rows, ...], True),
        (Rows | None, True),
        (Callable[[Rows], int], True),
        ("Float[Tensor, 'n d']", True),
        (int, False),
        ("Rank | None", False),
        (dict[str, list[int]], False),
        (Callable[..., str], False),
    ],
)
def test_has_shapes_finds_axes_within_other_types(annotation: Any, expected: bool) -> None:
    assert has_shapes(annotation) is expected


def test_checked_function_refuses_axes_of_two_sizes_in_arguments_and_result() -> None:
    @check
    def joined(left: Rows, right: Float[Tensor, "n e"]) -> Float[Tensor, "n d+e"]:
        return torch.cat([left, right], dim=1) if left.shape[1] > 1 else left

    assert joined(torch.zeros(3, 2), torch.zeros(3, 4)).shape == (3, 6)
    with pytest.raises(TypeCheckError):
        joined(torch.zeros(3, 2), torch.zeros(4, 4))
    with pytest.raises(TypeCheckError):
        joined(torch.zeros(3, 1), torch.zeros(3, 4))


def test_checked_function_without_shapes_refuses_other_types() -> None:
    @check
    def doubled(number: int, known_to_type_checkers_alone: "Nowhere | None" = None) -> int:  # type: ignore[name-defined]
        """Double it."""
        return number * 2 if number else "nothing"  # type: ignore[return-value]

    assert doubled(2, known_to_type_checkers_alone=object()) == 4
    assert (doubled.__name__, doubled.__doc__) == ("doubled", "Double it.")
    for wrong in ("2", 0):
        with pytest.raises(TypeCheckError):
            doubled(wrong)


def test_checked_methods_of_all_kinds_keep_their_kind() -> None:
    def plus_two(of: Any, more: int) -> int:
        return int(of.shelves) + more

    def name_of(number: int) -> str:
        return str(number)

    def width_of(of: Any) -> int:
        return "wide"  # type: ignore[return-value]

    class Shelf:
        shelves: ClassVar[int] = 2
        count = check(classmethod(plus_two))
        name = check(staticmethod(name_of))
        width = check(property(width_of))

    assert (Shelf.count(1), Shelf().count(1), Shelf.name(3)) == (3, 3, "3")
    with pytest.raises(TypeCheckError):
        Shelf.count("1")
    with pytest.raises(TypeCheckError):
        Shelf.name("3")
    with pytest.raises(TypeCheckError):
        assert Shelf().width


def test_checked_dataclass_refuses_wrong_shapes_of_its_fields() -> None:
    @check
    @dataclass(frozen=True, slots=True)
    class Pair:
        left: Rows
        right: Rows

    Pair(torch.zeros(2, 3), torch.zeros(2, 3))
    with pytest.raises(TypeCheckError):
        Pair(torch.zeros(2, 3), torch.zeros(2, 4))


def test_checked_generator_yields_on() -> None:
    @check
    def numbers(until: int) -> Iterator[int]:
        yield from range(until)

    assert list(numbers(3)) == [0, 1, 2]


def test_installed_checks_are_those_of_avme() -> None:
    assert jaxtyping.jaxtyped is checked
    with pytest.raises(TypeCheckError):
        AVBatch(*([torch.zeros(1)] * len(AVBatch.__dataclass_fields__)))
