"""The table of other tools' names leads to settings that there are."""

from avme.config import EvalConfig, FinetuneConfig, PrepConfig, PretrainConfig
from avme.config.resolve import leaf_fields
from avme.config.synonyms import SYNONYMS, squashed

STAGES = (PrepConfig, PretrainConfig, FinetuneConfig, EvalConfig)


def test_every_setting_in_the_table_exists() -> None:
    known = {key for model in STAGES for key in leaf_fields(model)}
    targets = {target for rows in SYNONYMS.values() for row in rows for target in row.targets}

    assert {t for t in targets if not t.startswith("--")} <= known


def test_no_name_in_the_table_is_a_setting_without_a_group() -> None:
    """Settings are looked up first: such a row would never be read."""
    whole = {squashed(key) for model in STAGES for key in leaf_fields(model) if "." not in key}

    assert not {name for name in SYNONYMS if name in whole} - {"split"}
