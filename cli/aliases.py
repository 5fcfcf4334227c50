"""Names of options in other training tools, accepted or answered with the option of avme.

The commonest ones are hidden aliases, with underscores or hyphens: `--batch_size 64` is
`--batch 64`. `avme.config.synonyms` knows the others, which end in a hint.
"""

from typing import Any, Final

ALIASES: Final = {
    "batch-size": "batch",
    "global-batch-size": "batch",
    "learning-rate": "lr",
    "base-lr": "lr",
    "blr": "lr",
    "num-epochs": "epochs",
    "max-epochs": "epochs",
    "num-train-epochs": "epochs",
    "mask-ratio": "mask",
    "masking-ratio": "mask",
    "num-workers": "workers",
    "dataloader-num-workers": "workers",
    "output-dir": "out",
    "out-dir": "out",
    "work-dir": "out",
    "output": "out",
    "data-path": "data",
    "data-dir": "data",
    "dataset": "data",
    "num-gpus": "gpus",
    "config-file": "config",
    "cfg": "config",
    "cfg-options": "set",
    "torch-compile": "compile",
    "wandb-project": "wandb",
    "num-segments": "segments",
    "num-crops": "crops",
    "test-num-segment": "segments",
    "test-num-crop": "crops",
}
"""Alias -> option, without the two hyphens."""

_COMMANDS: Final = {
    "train": "pretrain` or `avme finetune",
    "pretraining": "pretrain",
    "finetuning": "finetune",
    "evaluate": "eval",
    "evaluation": "eval",
    "test": "eval",
    "validate": "eval",
    "prepare": "prep",
    "preprocess": "prep",
}
_SETTINGS: Final = {
    "pretrain": "PretrainConfig",
    "finetune": "FinetuneConfig",
    "eval": "EvalConfig",
    "prep": "PrepConfig",
}


def normalised(name: str) -> str:
    """The option that a name stands for: hyphens for underscores, and aliases resolved."""
    hyphened = name.replace("_", "-")
    return ALIASES.get(hyphened, hyphened)


def option_hint(option: str, context: Any) -> str | None:
    """Return what an unknown option of the command in `context` was likely meant to be."""
    from avme import config
    from avme.config.hint import find_hint
    from avme.config.resolve import leaf_fields

    flags = {flag for each in context.command.params for flag in each.opts if flag[:2] == "--"}
    stages = [name for name in context.command_path.split() if name in _SETTINGS]
    known: dict[str, Any] = {}
    if stages and "--set" in flags:
        known = leaf_fields(getattr(config, _SETTINGS[stages[0]]))
    own = {_as_setting(flag): flag for flag in sorted(flags)}

    def spelled(candidate: str) -> str:
        if candidate.startswith("--"):
            return candidate
        flag = own.get(candidate.rsplit(".", 1)[-1])
        return flag or f"--set {candidate}=VALUE"

    found = find_hint(_as_setting(option), {*known, *own}, flags)
    return None if found is None else found.spelled(spelled)


def _as_setting(flag: str) -> str:
    return flag.removeprefix("--").replace("-", "_")


def can_resume(context: Any) -> bool:
    """Return True if the command has `--resume`, which takes a file in other tools."""
    return any("--resume" in each.opts for each in context.command.params)


def command_hint(name: str) -> str | None:
    """Return the command that does what `name` does in other tools."""
    known = _COMMANDS.get(name.lower())
    return None if known is None else f"did you mean `avme {known}`?"
