"""Settings of preparation: those of the content, those of limits, and the others."""

import pytest

from avme.config.prep import PrepConfig


@pytest.mark.parametrize(
    ("name", "value"),
    [("num_workers", 3), ("timeout_seconds", 5.0), ("max_failed", 0.5), ("memory_mb", 2048)],
)
def test_content_with_other_workers_or_limits_is_the_same(name: str, value: float) -> None:
    changed = PrepConfig.model_validate({name: value})

    assert changed != PrepConfig()
    assert changed.content() == PrepConfig().content()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("jpeg_quality", 5),
        ("num_cepstra", 20),
        ("short_side", 64),
        ("hdr", "tonemap"),
        ("seed", 1),
        ("keep_audio", False),
    ],
)
def test_content_with_other_shards_or_splits_differs(name: str, value: object) -> None:
    changed = PrepConfig.model_validate({name: value})

    assert changed.content() == PrepConfig().content() | {name: value}


def test_limits_are_settings_that_content_leaves_out() -> None:
    config = PrepConfig(max_failed=0.25)

    assert config.limits()["max_failed"] == 0.25
    assert not config.limits().keys() & config.content().keys()
