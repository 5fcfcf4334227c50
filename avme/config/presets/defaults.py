"""Sources of the defaults of the two training stages; the values are in the settings classes.

Files that end in .sh and .py are VideoMAE's (commit 14ef8d8). Keys in neither table are avme's own
and affect how the work is done, not the result.
"""

from typing import Final

_UCF: Final = "ucf101/pretrain.sh"
_UCF_TUNE: Final = "ucf101/finetune.sh"
_TUNER: Final = "run_class_finetuning.py, default"
_TALKNET: Final = "paper III-C, III-D: TalkNet"

_BOTH: Final[dict[str, str]] = {
    "clip.split": "ours: the split that VideoMAE reports",
    "clip.num_frames": "paper Table I",
    "clip.frame_stride": f"{_UCF} --sampling_rate",
    "clip.image_size": f"{_UCF_TUNE} --input_size",
    "model.visual.dim": "paper Table I: ViT-B",
    "model.visual.depth": "paper Table I: ViT-B",
    "model.visual.heads": "paper Table I: ViT-B",
    "model.visual.mlp_ratio": "modeling_pretrain.py",
    "model.visual.patch_size": "modeling_pretrain.py",
    "model.visual.tubelet_size": "modeling_pretrain.py",
    "model.visual.embed": "modeling_pretrain.py: a linear layer",
    "model.visual.positions": "modeling_pretrain.py: over the token index",
    "model.audio.num_cepstra": _TALKNET,
    "model.audio.widths": _TALKNET,
    "model.audio.blocks": "paper III-C: ResNet34",
    "model.fusion.kind": "paper III-D",
    "model.fusion.variant": "ours, measured: docs/decisions.md 20",
    "model.fusion.heads": _TALKNET,
    "model.fusion.mlp_ratio": _TALKNET,
    "model.fusion.dropout": "ours",
    "model.decoder.dim": "modeling_pretrain.py",
    "model.decoder.depth": "paper III-E",
    "model.decoder.heads": "modeling_pretrain.py",
    "model.decoder.mlp_ratio": "modeling_pretrain.py",
    "optim.weight_decay": f"{_UCF_TUNE} --weight_decay",
    "optim.grad_clip_norm": _TUNER,
    "train.num_workers": "ours: by the cores of the machine",
    "train.repeat": "ours: one window of a clip in an epoch",
}
DEFAULT_SOURCES: Final[dict[str, dict[str, str]]] = {
    "pretrain": {
        **_BOTH,
        "mask.ratio": "paper III-B, III-F",
        "loss.target": "run_mae_pretraining.py, default",
        "loss.tokens": "engine_for_pretraining.py",
        "crop.scales": "datasets.py",
        "crop.shift": "ours: none",
        "optim.lr": f"{_UCF} --lr",
        "optim.min_lr": "run_mae_pretraining.py, default",
        "optim.warmup_epochs": f"{_UCF} --warmup_epochs",
        "optim.betas": f"{_UCF} --opt_betas",
        "optim.layer_decay": "run_mae_pretraining.py has none",
        "train.epochs": "ours: a quarter of VideoMAE's 3200",
        "train.batch_size": f"{_UCF}: 24 on each of 8 GPUs",
    },
    "finetune": {
        **_BOTH,
        "modality": "paper Table I: V+A",
        "val_fraction": "ours: the test list chooses nothing",
        "label_fraction": "ours: all labels",
        "head.dropout": f"{_UCF_TUNE} --fc_drop_rate",
        "head.drop_path": f"{_UCF_TUNE} --drop_path",
        "head.init_scale": _TUNER,
        "head.label_smoothing": _TUNER,
        "head.pool": "VideoMAE; ours, measured: docs/decisions.md 14",
        "head.norm": "VideoMAE; ours, measured: docs/decisions.md 14",
        "head.unimodal_weight": "ours: none; TalkNet has 0.4",
        "head.residual": "ours: none",
        "augment.crop_scale": "kinetics.py",
        "augment.crop_ratio": "kinetics.py",
        "augment.shift": "ours: none",
        "augment.hflip_prob": "kinetics.py",
        "augment.randaugment_ops": _TUNER,
        "augment.randaugment_magnitude": _TUNER,
        "augment.randaugment_std": _TUNER,
        "augment.randaugment_prob": "rand_augment.py",
        "augment.erase_prob": _TUNER,
        "augment.mixup": _TUNER,
        "augment.cutmix": _TUNER,
        "augment.jitter_frames": "ours: none",
        "augment.audio_time_mask": "ours: none",
        "augment.audio_freq_mask": "ours: none",
        "augment.audio_noise": "ours, measured: docs/decisions.md 15",
        "augment.audio_dropout": "ours, measured: docs/decisions.md 15",
        "optim.lr": f"{_UCF_TUNE} --lr",
        "optim.min_lr": f"{_UCF_TUNE} --min_lr",
        "optim.warmup_epochs": _TUNER,
        "optim.betas": f"{_UCF_TUNE} --opt_betas",
        "optim.layer_decay": f"{_UCF_TUNE} --layer_decay",
        "train.epochs": f"{_UCF_TUNE} --epochs",
        "train.batch_size": f"{_UCF_TUNE}: 16 videos on 8 GPUs, one window each",
    },
}
