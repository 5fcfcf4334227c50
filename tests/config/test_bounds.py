"""Whatever a file of settings says has two limits, so that no number of it can fill a machine."""

import types
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import Field

from avme.config import EvalConfig, FinetuneConfig, PrepConfig, PretrainConfig, Settings
from avme.config.resolve import leaf_fields, resolve
from avme.errors import ConfigError

STAGES: tuple[type[Settings], ...] = (PrepConfig, PretrainConfig, FinetuneConfig, EvalConfig)


def unbounded(kind: Any, limits: Sequence[Any]) -> Iterator[str]:
    """What an annotation lets grow without end."""
    origin, kinds = get_origin(kind), get_args(kind)
    if origin is Annotated:
        inner = [one for field in kinds[1:] for one in getattr(field, "metadata", ())]
        yield from unbounded(kinds[0], [*limits, *inner])
    elif origin in (Union, types.UnionType):
        for one in kinds:
            yield from unbounded(one, limits)
    elif origin is tuple:
        if kinds[-1] is Ellipsis:
            yield from lacking(limits, ("max_length",))
        for one in set(kinds) - {Ellipsis}:
            yield from unbounded(one, ())
    elif kind in (int, float):
        yield from lacking(limits, ("ge", "gt"))
        yield from lacking(limits, ("le", "lt"))
    elif kind is str:
        yield from lacking(limits, ("max_length",))
    elif kind not in (bool, types.NoneType) and origin is not Literal:
        yield f"a {kind}"


def lacking(limits: Sequence[Any], names: Sequence[str]) -> Iterator[str]:
    if not any(getattr(limit, name, None) is not None for limit in limits for name in names):
        yield " or ".join(names)


@pytest.mark.parametrize("model", STAGES)
def test_settings_of_every_stage_have_both_limits(model: type[Settings]) -> None:
    missing = {
        key: found
        for key, field in leaf_fields(model).items()
        if (found := list(unbounded(field.annotation, field.metadata)))
    }

    assert not missing


def test_unbounded_finds_missing_limits() -> None:
    assert list(unbounded(Annotated[int, Field(ge=1)], [])) == ["le or lt"]
    assert list(unbounded(tuple[float, ...] | None, [])) == [
        "max_length",
        "ge or gt",
        "le or lt",
    ]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("model.visual.depth", 10**9, "expected less than or equal to 1000"),
        ("model.visual.depth", 10**4000, "expected less than or equal to 1000"),
        ("model.visual.depth", True, "found true, expected no truth value"),
        ("model.pos_embed_grid", [8, True, 8], "found true, expected no truth value"),
        ("model.visual.dim", [0] * 1000, "expected integer"),
        ("clip.split", "x" * 1000, "expected at most 255 characters"),
        ("crop.scales", [1.0] * 1000, "expected at most 100 values"),
        ("optim.lr", 10**400, "expected number"),
        ("optim.lr", float("nan"), "expected a finite number"),
        ("clip.image_size", 65_536, "68,719,476,736 pixels, expected at most 1,073,741,824"),
        (
            "model.pos_embed_grid",
            [1000, 1000, 1000],
            "model.pos_embed_grid has 1000 x 1000 x 1000 places",
        ),
    ],
)
def test_resolve_with_excessive_value_is_refused_in_one_line(
    key: str, value: Any, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(PretrainConfig, flags={key: value})

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_resolve_accepts_booleans_for_boolean_settings() -> None:
    assert resolve(PretrainConfig, flags={"train.tf32": True}).train.tf32
