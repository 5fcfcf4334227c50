"""A signature states what was measured."""

from avme.evaluation.intervals import Groups
from avme.evaluation.signature import signature

SUMMARY = {
    "dataset": "ucf101",
    "split": "1",
    "list": "test",
    "subset": "all",
    "n": 4,
    "views": {"segments": 5, "crops": 3},
    "modality": "av",
    "trained_modality": "av",
    "audio": "real",
    "frames": "real",
    "degrade": [],
    "controls": False,
    "protocol": "all",
    "checkpoint": {"sha256": "ab12" * 16},
    "list_sha256": "cd34" * 16,
    "train_list_sha256": None,
}


def test_signature_names_data_protocol_interval_and_hashes() -> None:
    groups = Groups(["g1", "g1", "g2", "g3"])

    assert signature(SUMMARY, groups, "0.1.0") == (
        "avme 0.1.0|ucf101/1/test|n=4,g=3|views=5x3|mod=av|audio=real|frames=real|"
        "proto=all|"
        "ci=group-bs10000:0|ckpt=ab12ab12|list=cd34cd34|train=?"
    )


def test_signature_without_groups_says_that_clips_were_resampled() -> None:
    assert "|ci=clip-bs10000:0|" in signature(SUMMARY, Groups(list("abcd")), "0.1.0")


def test_signature_of_part_of_the_clips_and_inputs_names_both() -> None:
    part = SUMMARY | {"subset": "audio", "modality": "v", "audio": "null"}

    text = signature(part, Groups(list("aabc")), "0.1.0")

    assert "|ucf101/1/test/audio|" in text
    assert "|mod=v/av|audio=null|frames=real|" in text


def test_signature_of_degraded_input_names_it_and_the_controls_state_the_clean_clips() -> None:
    changed = SUMMARY | {"audio": "real", "frames": "static", "degrade": ["low-pass=2"]}

    text = signature(changed, Groups(list("aabc")), "0.1.0")

    assert "|audio=real|frames=static|degrade=low-pass=2|proto=all|" in text
    battery = SUMMARY | {"degrade": ["jpeg"], "controls": True}
    assert "degrade" not in signature(battery, Groups(list("aabc")), "0.1.0")
