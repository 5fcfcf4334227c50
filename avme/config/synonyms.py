"""Names of settings in other training tools, and the settings of avme that they correspond to.

Collected from the argument parsers of VideoMAE, MAE, timm, transformers' TrainingArguments,
mmaction2, Lightning's Trainer and torchrun. Names compare without case, hyphens and underscores.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Synonym:
    """What a name of another tool corresponds to."""

    targets: tuple[str, ...]
    """Settings as dotted keys and flags with two hyphens; the first that a command has counts."""
    note: str = ""
    """How the two differ, or, without targets, why there is no such setting."""


def _table(*rows: tuple[str, str, str]) -> dict[str, tuple[Synonym, ...]]:
    """Build a table from rows of names, targets and a note; names are separated by spaces."""
    table: dict[str, tuple[Synonym, ...]] = {}
    for names, targets, note in rows:
        for name in map(squashed, names.split()):
            table[name] = (*table.get(name, ()), Synonym(tuple(targets.split()), note))
    return table


def squashed(name: str) -> str:
    """Return the name in lower case with letters and digits only: `batchsize` of `--batch_size`."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


_RATE = "the rate for 256 clips a step; the rate in use is lr x batch / 256"
_ALL_DEVICES = "clips per step over all devices, not per device"
_ACCUMULATION = "clips per device at a time; accumulation follows from train.batch_size"
_NO_JITTER = "avme has no color jitter: RandAugment changes colors"
_ONE_OPTIMISER = "the optimizer is AdamW: optim.lr, optim.betas, optim.weight_decay"
_ONE_SCHEDULE = "the rate follows linear warm-up and a cosine: optim.warmup_epochs, optim.min_lr"
_NO_CLASSES = "the classes are those of the prepared set"
_NO_MEAN = "frames are normalized with ImageNet's mean and deviation, audio with the dataset's own"

SYNONYMS: Final = _table(
    # optimiser and schedule
    ("learning_rate base_lr blr base_learning_rate peak_lr", "optim.lr", _RATE),
    ("minimum_lr lr_min eta_min end_lr final_lr min_learning_rate", "optim.min_lr", ""),
    ("warmup warmup_epoch num_warmup_epochs lr_warmup_epochs", "optim.warmup_epochs", ""),
    ("warmup_steps warmup_ratio num_warmup_steps warmup_iters", "optim.warmup_epochs", "in epochs"),
    ("wd decay weight_decay_rate", "optim.weight_decay", ""),
    ("opt_betas adam_betas adam_beta1 adam_beta2 beta1 beta2", "optim.betas", "[beta1, beta2]"),
    (
        "max_grad_norm grad_clip gradient_clip_val gradient_clipping clip_grad_norm clip_norm "
        "clip_grad",
        "optim.grad_clip_norm",
        "",
    ),
    ("lr_decay layerwise_decay llrd layer_wise_decay layerwise_lr_decay", "optim.layer_decay", ""),
    ("opt optimizer optimizer_name optimiser momentum", "", _ONE_OPTIMISER),
    ("sched scheduler lr_scheduler lr_scheduler_type warmup_lr", "", _ONE_SCHEDULE),
    # batch and loop
    ("batch batch_size train_batch_size global_batch_size", "train.batch_size", _ALL_DEVICES),
    (
        "per_device_train_batch_size per_gpu_batch_size batch_size_per_gpu samples_per_gpu "
        "videos_per_gpu micro_batch",
        "train.micro_batch_size",
        _ACCUMULATION,
    ),
    ("batch per_device_eval_batch_size eval_batch_size val_batch_size", "batch_size", ""),
    (
        "gradient_accumulation_steps accum_iter update_freq accumulate_grad_batches "
        "grad_accum_steps accumulation_steps accum_steps",
        "train.micro_batch_size",
        _ACCUMULATION,
    ),
    ("max_epochs num_epochs num_train_epochs n_epochs total_epochs nb_epochs", "train.epochs", ""),
    ("max_steps num_steps total_steps max_iters", "train.epochs", "in epochs"),
    ("num_sample repeated_aug aug_repeats epoch_repeats repeat_times", "train.repeat", ""),
    ("random_seed manual_seed data_seed seed_everything rng_seed", "train.seed seed", ""),
    (
        "workers workers_per_gpu dataloader_num_workers n_workers loader_workers nworkers",
        "train.num_workers num_workers",
        "",
    ),
    ("sync_bn syncbn sync_batchnorm dist_bn", "train.batch_norm", ""),
    (
        "amp use_amp mixed_precision fp16 bf16 half bfloat16 float16 dtype amp_dtype",
        "train.precision precision",
        "auto, bf16, fp16 or fp32",
    ),
    ("allow_tf32", "train.tf32", ""),
    ("torch_compile torchcompile compile_model", "train.compile", ""),
    (
        "use_checkpoint gradient_checkpointing grad_checkpointing checkpointing "
        "checkpoint_activations with_cp recompute",
        "train.activation_checkpointing",
        "",
    ),
    ("fsdp deepspeed enable_deepspeed zero strategy", "train.sharding", "none or fsdp"),
    ("use_cpu no_cuda accelerator gpu_ids cpu", "train.device device", "auto, cpu or cuda"),
    ("model_ema ema_decay model_ema_decay use_ema", "train.ema_decay", ""),
    # logging and checkpoints
    ("logging_steps log_interval print_freq log_freq log_every_n_steps", "train.log_every", ""),
    (
        "save_ckpt_freq save_freq save_interval save_every checkpoint_interval save_every_n_epochs",
        "train.save_every_epochs",
        "in epochs; the last checkpoint is always kept",
    ),
    ("save_steps", "train.checkpoint_minutes", "in minutes"),
    (
        "save_total_limit max_keep_ckpts checkpoint_hist save_top_k keep_last",
        "train.max_saved",
        "",
    ),
    (
        "log_images_every image_log_freq",
        "train.log_images_every_epochs",
        "in epochs",
    ),
    ("knn_freq knn_every online_probe_every", "train.probe_every_epochs", "in epochs"),
    ("wandb_project log_wandb use_wandb project report_to", "train.wandb --wandb", ""),
    # clip
    ("num_frame n_frames clip_len clip_length frames num_segments_frames", "clip.num_frames", ""),
    (
        "sampling_rate sample_rate frame_interval temporal_stride stride",
        "clip.frame_stride frame_stride",
        "source frames from one chosen frame to the next",
    ),
    (
        "input_size img_size crop_size resolution frame_size spatial_size size",
        "clip.image_size",
        "",
    ),
    ("short_side_size resize_short min_side", "short_side", ""),
    ("fold split_id split_name", "clip.split --split", ""),
    # mask and loss
    ("mask_ratio masking_ratio encoder_mask_ratio mask_prob", "mask.ratio", ""),
    ("decoder_mask_ratio decoder_masking_ratio", "mask.decoder_ratio --decoder-ratio", ""),
    ("mask_type masking_type", "", "masks are tubes: the same places in every time slot"),
    (
        "norm_pix_loss normlize_target normalize_target norm_pix",
        "loss.target",
        "normalized or pixel",
    ),
    # model
    ("patch", "model.visual.patch_size", ""),
    ("tubelet temporal_patch_size t_patch_size", "model.visual.tubelet_size", ""),
    ("pos_embed_size", "model.pos_embed_grid", ""),
    ("embed_dim hidden_size embed_dims encoder_embed_dim", "model.visual.dim", ""),
    ("num_hidden_layers n_layers num_layers encoder_depth", "model.visual.depth", ""),
    ("num_heads num_attention_heads n_heads encoder_num_heads", "model.visual.heads", ""),
    ("decoder_depth decoder_num_hidden_layers", "model.decoder.depth", ""),
    ("decoder_embed_dim decoder_dim decoder_hidden_size", "model.decoder.dim", ""),
    ("decoder_num_heads decoder_num_attention_heads", "model.decoder.heads", ""),
    ("fusion_type fusion_kind fuse", "model.fusion.kind", ""),
    # head and augmentation
    ("fc_drop_rate drop drop_rate dropout_rate classifier_dropout", "head.dropout", ""),
    ("drop_path_rate stochastic_depth drop_connect", "head.drop_path", ""),
    ("smoothing label_smoothing_factor smooth", "head.label_smoothing", ""),
    ("use_mean_pooling global_pool gp pooling", "head.pool", "mean or max"),
    ("aa autoaugment auto_augment rand_augment randaug", "augment.randaugment_ops", ""),
    ("reprob random_erase random_erasing erasing_prob re_prob erase", "augment.erase_prob", ""),
    (
        "freq_mask_param freq_mask_width frequency_mask",
        "augment.audio_freq_mask",
        "",
    ),
    ("random_resized_crop_scale", "augment.crop_scale", ""),
    ("random_resized_crop_ratio", "augment.crop_ratio", ""),
    ("mixup_alpha", "augment.mixup", ""),
    ("cutmix_alpha", "augment.cutmix", ""),
    ("hflip horizontal_flip flip_prob flip_ratio flip", "augment.hflip_prob", ""),
    ("color_jitter colour_jitter jitter", "", _NO_JITTER),
    ("nb_classes num_classes n_classes num_labels class_names", "", _NO_CLASSES),
    ("imagenet_default_mean_and_std mean std image_mean image_std", "", _NO_MEAN),
    ("val_split validation_split val_ratio val_percent", "val_fraction", ""),
    (
        "train_percent label_percent labels_percent train_fraction data_fraction",
        "label_fraction",
        "0.1 is a tenth of each class",
    ),
    # evaluation
    (
        "test_num_segment num_segment num_segments num_clips num_temporal_clips test_segments",
        "segments",
        "",
    ),
    ("part side eval_list eval_split test_list", "list", "test or train"),
    ("test_num_crop num_crop num_crops num_spatial_crops three_crop test_crops", "crops", ""),
    # folders and processes: flags, not settings
    (
        "output_dir out_dir work_dir log_dir save_dir run_dir default_root_dir exp_name run_name "
        "experiment output logdir outdir",
        "--out",
        "",
    ),
    ("data_path data_dir data_root dataset train_data data_set dataset_name", "--data", ""),
    ("resume_from_checkpoint auto_resume resume_from ckpt_path", "--resume", "with --out RUN"),
    (
        "finetune pretrained initial_checkpoint load_from init_from model_name_or_path "
        "pretrained_weights init_checkpoint from_pretrained checkpoint ckpt weights",
        "--from --init",
        "",
    ),
    ("model arch model_name model_size architecture backbone", "--preset", "a size or a recipe"),
    ("cfg config_file conf yaml cfg_file config_path", "--config", ""),
    ("cfg_options opts override overrides", "--set", ""),
    (
        "nproc_per_node num_gpus n_gpus ngpus devices num_devices world_size num_processes",
        "--gpus slurm.gpus",
        "",
    ),
    ("nnodes num_nodes nodes", "slurm.nodes", "or start it with torchrun"),
    (
        "local_rank node_rank dist_url master_addr master_port launcher rank",
        "",
        "processes are started by --gpus N, or by torchrun with `-m avme_cli`",
    ),
    ("force overwrite_output_dir clobber", "--overwrite", ""),
    ("eval test do_eval eval_only test_only", "", "`avme eval` scores a fine-tuned classifier"),
)
