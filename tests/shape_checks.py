"""Checks of the types and shapes of all arguments and results, at half of jaxtyping's time.

jaxtyping's decorator prepares two checks of every function when its module is imported, and gives
each call a scope for the names of axes. Here a function is prepared at its first call, and one
without shapes in its annotations is left to the type checker alone, which needs no such scope.
"""

import dataclasses
import inspect
from collections.abc import Callable
from functools import partial, wraps
from types import FunctionType
from typing import Any, ForwardRef, get_args, get_type_hints

import jaxtyping
from beartype import BeartypeConf, beartype

_WITH_SHAPES = jaxtyping.jaxtyped
_CHECK_TYPES = beartype(conf=BeartypeConf(violation_type=jaxtyping.TypeCheckError))
"""Checker of types that raises what jaxtyping raises, which is a TypeError."""


def install() -> None:
    """Decorate what is imported from now on under the import hook of jaxtyping."""
    vars(jaxtyping)["jaxtyped"] = checked


def checked(decorated: Any = None, *, typechecker: Any) -> Any:
    """Check a function on every call, and a dataclass whenever one is made.

    Args:
        decorated: Function, method or class.
        typechecker: Decorator that checks annotations with shapes.
    """
    again = partial(checked, typechecker=typechecker)
    if decorated is None:
        return again
    if inspect.isclass(decorated):
        own = vars(decorated).get("__init__")
        if dataclasses.is_dataclass(decorated) and isinstance(own, FunctionType):
            type.__setattr__(decorated, "__init__", again(own))
        return decorated
    if isinstance(decorated, classmethod | staticmethod):
        return type(decorated)(again(decorated.__func__))
    if isinstance(decorated, property):
        ways = (decorated.fget, decorated.fset, decorated.fdel)
        return property(*(way and again(way) for way in ways))
    if not isinstance(decorated, FunctionType):
        return _WITH_SHAPES(decorated, typechecker=typechecker)
    return _at_first_call(decorated, typechecker) if decorated.__annotations__ else decorated


def has_shapes(annotation: Any) -> bool:
    """Whether an annotation names axes somewhere."""
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):  # axes are quoted
        return '"' in annotation or "'" in annotation
    if isinstance(annotation, type) and issubclass(annotation, jaxtyping.AbstractArray):
        return True
    parts = annotation if isinstance(annotation, list) else get_args(annotation)
    return any(has_shapes(part) for part in parts)


def _at_first_call(function: FunctionType, typechecker: Any) -> Callable[..., Any]:
    ready: Callable[..., Any] | None = None

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        nonlocal ready
        if ready is None:
            if any(map(has_shapes, function.__annotations__.values())):
                ready = _WITH_SHAPES(function, typechecker=typechecker)
            else:
                ready = _CHECK_TYPES(_with_types(function))
        return ready(*args, **kwargs)

    return call


def _with_types(function: FunctionType) -> FunctionType:
    """Return a copy whose annotations are types, and Any where only a type checker knows one."""
    copy = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__module__, copy.__qualname__ = function.__module__, function.__qualname__
    copy.__annotations__ = {
        name: _type(annotation, function.__globals__)
        for name, annotation in function.__annotations__.items()
    }
    return copy


def _type(annotation: Any, names: dict[str, Any]) -> Any:
    def holder() -> None: ...

    holder.__annotations__ = {"it": annotation}
    try:
        return get_type_hints(holder, names, include_extras=True)["it"]
    except Exception:  # of a name that is imported for type checkers, among others
        return Any
