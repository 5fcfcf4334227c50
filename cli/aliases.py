"""Option names of other training tools: aliases of avme's options, or hints.

The most common ones are hidden aliases, with underscores or hyphens: `--batch_size 64` is `--batch
64`. `avme.config.synonyms` has the others, which end in a hint.
"""

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from .commands import loaded

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
    "decoder-mask-ratio": "decoder-ratio",
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
"""Alias -> option, without leading hyphens."""

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
_CHOICES: Final = {
    **dict.fromkeys(("vits", "vitsmall"), "small"),
    **dict.fromkeys(("vit", "vitb", "vitbase", "videomae", "default"), "base"),
    **dict.fromkeys(("vitl", "vitlarge"), "large"),
    **dict.fromkeys(("gpu", "gpus", "cuda0"), "cuda"),
    **dict.fromkeys(("float32", "full", "single", "no", "none"), "fp32"),
    **dict.fromkeys(("float16", "half", "16mixed", "16"), "fp16"),
    **dict.fromkeys(("bfloat16", "bf16mixed"), "bf16"),
    **dict.fromkeys(("hf", "transformers"), "huggingface"),
    **dict.fromkeys(("mcgnju", "original", "pth"), "official"),
    **dict.fromkeys(("video", "visual", "rgb"), "v"),
    **dict.fromkeys(("audio", "sound"), "a"),
    **dict.fromkeys(("both", "multimodal", "audiovisual", "va"), "av"),
    "crossattn": "cross-attention",
}
"""Values of other tools, without punctuation -> choices."""
_SETTINGS: Final = {
    "pretrain": "PretrainConfig",
    "finetune": "FinetuneConfig",
    "eval": "EvalConfig",
    "prep": "PrepConfig",
}


def normalized(name: str) -> str:
    """Return the option of a name: hyphens for underscores, aliases resolved."""
    hyphened = name.replace("_", "-")
    return ALIASES.get(hyphened, hyphened)


def option_hint(option: str, context: Any) -> str | None:
    """Return the probable meaning of an unknown option of the command in `context`."""
    from avme import config
    from avme.config.resolve import leaf_fields
    from avme.config.suggestions import find_hint

    flags = {flag for each in context.command.params for flag in each.opts if flag[:2] == "--"}
    stages = [name for name in context.command_path.split() if name in _SETTINGS]
    known: dict[str, Any] = {}
    if stages and "--set" in flags:
        known = leaf_fields(getattr(config, _SETTINGS[stages[0]]))
    own = {_as_setting(flag): flag for flag in sorted(flags)}

    def spelled(candidate: str) -> str:
        if candidate.startswith("--"):
            return candidate
        flag = own.get(_as_setting(normalized(candidate.rsplit(".", 1)[-1])))
        return flag or f"--set {candidate}=VALUE"

    found = find_hint(_as_setting(option), {*known, *own}, flags)
    if found is not None:
        return found.spelled(spelled)
    siblings = context.parent.command.commands if context.parent is not None else {}
    others = [
        name
        for name, command in siblings.items()
        if any(option in each.opts for each in loaded(command).params)
    ]
    if not others:
        return None
    return f"avme {' and avme '.join(others[:2])} {'have' if others[1:] else 'has'} it"


def _as_setting(flag: str) -> str:
    return flag.removeprefix("--").replace("-", "_")


def can_resume(context: Any) -> bool:
    """Return True if the command has `--resume`, which takes a file in other tools."""
    return any("--resume" in each.opts for each in context.command.params)


def command_hint(name: str, command: str = "avme") -> str | None:
    """Return the command that does what `name` does in other tools.

    `avme prep DIR` lacks the layout of the folder DIR, or is a table.
    """
    is_table = name.lower().endswith(".csv")
    if command.endswith(" prep") and (is_table or "/" in name or Path(name).exists()):
        layout = "csv" if is_table else "folder"
        return f"give its layout, as in `avme prep {layout} {name}`"
    known = _COMMANDS.get(name.lower())
    return None if known is None else f"did you mean `avme {known}`?"


def choice_hint(value: str, choices: str) -> str | None:
    """Return the probable choice for a value; `choices` are in single quotes."""
    from avme.config.synonyms import squashed

    known = re.findall("'([^']*)'", choices)
    wanted = squashed(value)
    if wanted in ("test", "train") and "silent" in known:  # --subset of earlier versions
        return f"did you mean --list {wanted}?"
    meant = _CHOICES.get(wanted, "")
    near = [meant] if meant in known else [each for each in known if squashed(each) == wanted]
    near = near or get_close_matches(value.lower(), known, n=1, cutoff=0.65)
    return f"did you mean {near[0]}?" if near else None
