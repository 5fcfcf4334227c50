"""The table of other tools' names leads to settings that there are."""

from avme.config import EvalConfig, FinetuneConfig, PrepConfig, PretrainConfig
from avme.config.resolve import leaf_fields
from avme.config.synonyms import SYNONYMS, squashed

STAGES = (PrepConfig, PretrainConfig, FinetuneConfig, EvalConfig)


def test_synonyms_lead_to_existing_settings() -> None:
    known = {key for model in STAGES for key in leaf_fields(model)}
    targets = {target for rows in SYNONYMS.values() for row in rows for target in row.targets}

    assert {t for t in targets if not t.startswith("--")} <= known


def test_synonyms_never_lead_from_a_setting_to_another_of_the_same_command() -> None:
    """A command looks its own settings up first: such a row would never be read."""
    unread = {
        (model.__name__, name)
        for model in STAGES
        for name in map(squashed, (key for key in leaf_fields(model) if "." not in key))
        for row in SYNONYMS.get(name, ())
        if any(target in leaf_fields(model) for target in row.targets)
    }

    assert not unread
