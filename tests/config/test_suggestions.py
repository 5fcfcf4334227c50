"""Names of other tools lead to the setting of avme, and nonsense leads nowhere."""

import pytest

from avme.config import EvalConfig, FinetuneConfig, PrepConfig, PretrainConfig, Settings
from avme.config.resolve import resolve
from avme.config.suggestions import find_hint
from avme.errors import ConfigError

VIDEOMAE = {
    "batch_size": "train.batch_size",
    "mask_ratio": "mask.ratio",
    "output_dir": "--out",
    "num_workers": "train.num_workers",
    "sampling_rate": "clip.frame_stride",
    "input_size": "clip.image_size",
    "decoder_depth": "model.decoder.depth",
    "normlize_target": "loss.target",
    "opt_betas": "optim.betas",
    "clip_grad": "optim.grad_clip_norm",
    "use_checkpoint": "train.activation_checkpointing",
    "save_ckpt_freq": "train.save_every_epochs",
    "data_path": "--data",
}
TRANSFORMERS = {
    "learning_rate": "optim.lr",
    "num_train_epochs": "train.epochs",
    "gradient_accumulation_steps": "train.micro_batch_size",
    "max_grad_norm": "optim.grad_clip_norm",
    "dataloader_num_workers": "train.num_workers",
    "per_device_train_batch_size": "train.micro_batch_size",
    "bf16": "train.precision",
    "gradient_checkpointing": "train.activation_checkpointing",
    "torch_compile": "train.compile",
    "logging_steps": "train.log_every",
    "resume_from_checkpoint": "--resume",
}
OTHERS = {
    "accum_iter": "train.micro_batch_size",  # MAE
    "norm_pix_loss": "loss.target",
    "amp": "train.precision",  # timm
    "img_size": "clip.image_size",
    "trainer.max_epochs": "train.epochs",  # Lightning
    "accelerator": "train.device",
    "work_dir": "--out",  # mmaction2
    "optim_wrapper.optimizer.lr": "optim.lr",
    "nproc_per_node": "--gpus",  # torchrun
}
FINETUNING = {
    "smoothing": "head.label_smoothing",
    "reprob": "augment.erase_prob",
    "fc_drop_rate": "head.dropout",
    "label_percent": "label_fraction",
    "drop_path": "head.drop_path",
    "aa": "augment.randaugment_ops",
    "finetune": "--from",
    "label_smoothing_factor": "head.label_smoothing",
    "num_sample": "train.repeat",
}
SCORING = {
    "test_num_segment": "segments",
    "test_num_crop": "crops",
    "eval_batch_size": "batch_size",
}


def refusal(model: type[Settings], key: str) -> str:
    with pytest.raises(ConfigError) as caught:
        resolve(model, sets=[f"{key}=1"])
    return str(caught.value)


@pytest.mark.parametrize(
    ("model", "key", "meant"),
    [
        *((PretrainConfig, *pair) for pair in (VIDEOMAE | TRANSFORMERS | OTHERS).items()),
        *((FinetuneConfig, *pair) for pair in FINETUNING.items()),
        *((EvalConfig, *pair) for pair in SCORING.items()),
        (PrepConfig, "workers", "num_workers"),
    ],
)
def test_find_hint_for_name_of_another_tool_gives_the_avme_name(
    model: type[Settings], key: str, meant: str
) -> None:
    said = refusal(model, key)

    assert said.startswith(f"unknown setting {key} in --set: did you mean {meant}"), said


def test_find_hint_for_setting_of_another_command_names_the_command() -> None:
    assert refusal(FinetuneConfig, "mask.ratio").endswith("it is a setting of avme pretrain")
    assert refusal(PretrainConfig, "head.pool").endswith("it is a setting of avme finetune")


def test_case_hyphens_and_underscores_make_no_difference() -> None:
    said = {
        refusal(PretrainConfig, key).partition(": ")[2]
        for key in ("batch_size", "Batch-Size", "batchSize")
    }

    assert said == {
        "did you mean train.batch_size (clips per step over all devices, not per device)?"
    }


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("clip.imge_size", "clip.image_size?"),
        ("train.epohcs", "train.epochs?"),
        ("mask.ration", "mask.ratio?"),
        ("train.lr", "optim.lr?"),
        ("visual.depth", "model.visual.depth?"),
        ("depth", "model.visual.depth or model.decoder.depth?"),
        ("warmup", "optim.warmup_epochs?"),
    ],
)
def test_find_hint_for_misspelled_setting_gives_the_nearest(key: str, meant: str) -> None:
    assert refusal(PretrainConfig, key).endswith(f"did you mean {meant}")


@pytest.mark.parametrize(
    "key", ["banana", "clip.banana", "optim.foo", "foo.bar.baz", "x", "train.qq", "zzz_rate"]
)
def test_nonsense_is_answered_with_no_setting(key: str) -> None:
    assert refusal(PretrainConfig, key).endswith("`avme config show` lists them all")


def test_find_hint_for_missing_feature_names_it_as_missing() -> None:
    assert "no color jitter" in refusal(FinetuneConfig, "color_jitter")
    assert "classes are those of the prepared set" in refusal(FinetuneConfig, "nb_classes")


def test_find_hint_for_unknown_name_is_none() -> None:
    assert find_hint("learning_rate", ["seed"]) is None
