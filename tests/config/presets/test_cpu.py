"""The recipes of our own results are the settings of the runs that gave them."""

from avme.config import FinetuneConfig, PretrainConfig
from avme.config.presets import preset
from avme.config.resolve import resolve

# The two commands behind the table of digits in docs/results.md, without paths.
PRETRAIN = [
    "clip.image_size=32",
    "clip.num_frames=4",
    "clip.frame_stride=5",
    "train.batch_size=64",
    "mask.ratio=0.6",
    "optim.lr=8e-3",
    "train.epochs=90",
    "loss.target=pixel",
    "model.audio.blocks=[1,1,1,1]",
    "optim.warmup_epochs=5",
]
FINETUNE = [
    "clip.image_size=32",
    "clip.num_frames=4",
    "clip.frame_stride=5",
    "model.audio.blocks=[1,1,1,1]",
    "train.epochs=40",
    "optim.lr=4e-3",
    "head.pool=max",
    "head.norm=batch",
    "head.init_scale=1",
    "optim.layer_decay=1",
    "optim.warmup_epochs=2",
    "augment.hflip_prob=0",
    "augment.crop_scale=[0.5,1]",
    "augment.jitter_frames=2",
    "augment.audio_time_mask=0.2",
    "augment.audio_freq_mask=2",
    "train.batch_size=64",
    "augment.audio_dropout=0.5",
    "augment.audio_noise=0.3",
    "val_fraction=0.1",  # tiny holds nothing out any more
]


def test_digits_are_the_runs_behind_the_readme() -> None:
    before = resolve(PretrainConfig, preset=preset("pretrain", "tiny"), sets=PRETRAIN)
    after = resolve(FinetuneConfig, preset=preset("finetune", "tiny"), sets=FINETUNE)

    assert resolve(PretrainConfig, preset=preset("pretrain", "digits")) == before
    assert resolve(FinetuneConfig, preset=preset("finetune", "digits")) == after


def test_demo_preset_has_a_smaller_network_and_frames_that_stay_whole() -> None:
    network = [
        "clip.num_frames=4",
        "clip.frame_stride=6",
        "clip.image_size=48",
        "model.visual.dim=96",
        "model.visual.depth=3",
        "model.visual.embed=conv",
        "model.visual.positions=separable",
        "model.audio.blocks=[1,1,1,1]",
        "train.num_workers=0",
    ]
    before = resolve(
        PretrainConfig,
        preset=preset("pretrain", "tiny"),
        sets=[
            *network,
            "crop.scales=[1.0]",
            "loss.target=pixel",
            "mask.ratio=0.5",
            "train.batch_size=8",
            "optim.lr=48e-3",
            "optim.warmup_epochs=3",
            "train.epochs=30",
        ],
    )
    after = resolve(
        FinetuneConfig,
        preset=preset("finetune", "tiny"),
        sets=[
            *network,
            "head.unimodal_weight=1",
            "head.residual=true",
            "augment.shift=0.1",
            "optim.lr=16e-3",
            "optim.warmup_epochs=2",
            "train.epochs=25",
            "val_fraction=0.1",
        ],
    )

    assert resolve(PretrainConfig, preset=preset("pretrain", "demo")) == before
    assert resolve(FinetuneConfig, preset=preset("finetune", "demo")) == after
