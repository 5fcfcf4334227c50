"""Half a process group in the environment is refused in a line; none, or a whole one, is not."""

import pytest

from avme.errors import UsageError
from avme.train.distributed.torchrun_env import require_whole_group

WHOLE = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29500"}


@pytest.mark.parametrize(
    "environ",
    [
        {},
        WHOLE,
        WHOLE | {"LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"},
        WHOLE | {"LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"},
        {"MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "29500"},  # as batch scripts export them
        {"WORLD_SIZE": "1", "LOCAL_RANK": "0"},
        {"LOCAL_RANK": "-1"},  # as transformers calls a single process
    ],
)
def test_require_whole_group_accepts_none_and_complete_ones(environ: dict[str, str]) -> None:
    require_whole_group(environ)


@pytest.mark.parametrize("left", ["WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"])
@pytest.mark.parametrize("empty", [False, True])
def test_require_whole_group_of_rank_alone_names_missing_variables(left: str, empty: bool) -> None:
    environ = {name: value for name, value in WHOLE.items() if name != left}

    with pytest.raises(UsageError, match=f"RANK=1 but no {left}"):
        require_whole_group(environ | ({left: ""} if empty else {}))


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({"RANK": "0"}, "RANK=0 but no WORLD_SIZE or MASTER_ADDR or MASTER_PORT"),
        ({"WORLD_SIZE": "4"}, "WORLD_SIZE=4 but no RANK"),
        ({"LOCAL_RANK": "3"}, "LOCAL_RANK=3 but no RANK"),
        ({"LOCAL_WORLD_SIZE": "2"}, "LOCAL_WORLD_SIZE=2 but no RANK"),
        (WHOLE | {"RANK": "2"}, "RANK=2 and WORLD_SIZE=2, expected 0 to 1"),
        (WHOLE | {"RANK": "-1"}, "RANK=-1 and"),
        (WHOLE | {"WORLD_SIZE": "0"}, "WORLD_SIZE=0, expected 1 or more"),
        (WHOLE | {"LOCAL_WORLD_SIZE": "-1"}, "LOCAL_WORLD_SIZE=-1, expected 1 or more"),
        (WHOLE | {"RANK": "one"}, "RANK='one', expected a whole number"),
        (WHOLE | {"WORLD_SIZE": "two"}, "WORLD_SIZE='two'"),
        (WHOLE | {"MASTER_PORT": "http"}, "MASTER_PORT='http'"),
        (WHOLE | {"MASTER_PORT": "70000"}, "MASTER_PORT=70000"),
        (WHOLE | {"LOCAL_RANK": "2", "LOCAL_WORLD_SIZE": "2"}, "LOCAL_RANK=2 and"),
        ({"LOCAL_RANK": "x"}, "LOCAL_RANK='x'"),
    ],
)
def test_require_whole_group_of_contradictions_is_refused_in_one_line(
    environ: dict[str, str], found: str
) -> None:
    with pytest.raises(UsageError) as caught:
        require_whole_group(environ)

    assert found in str(caught.value)
    assert "unset " in str(caught.value)
    assert "\n" not in str(caught.value)
