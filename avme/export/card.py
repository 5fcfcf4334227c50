"""Model card of an exported model: README.md with what is known of it, and nothing else."""

import json
from collections.abc import Mapping
from typing import Any, Final

from avme.export.evaluations import accuracy_rows
from avme.export.initial_weights import VIDEOMAE_LICENSE
from avme.export.markdown import as_code, as_code_block, as_table, as_text

CARD: Final = "README.md"
_MOST_CLASSES: Final = 20
_MODALITIES: Final = {
    "av": "frames and audio",
    "v": "frames alone",
    "a": "audio alone",
    None: "as in training",
}


def model_card(
    export: Mapping[str, Any],
    evaluation: Mapping[str, Any] | None,
    file: str,
    command: str | None = None,
) -> str:
    """Return the model card.

    Args:
        export: Content of export.json.
        evaluation: Summary of the newest evaluation of these weights, if any.
        file: Name of the model file.
        command: Command of the training, if it is recorded.
    """
    parts = [
        _front_matter(export),
        f"# {_title(export)}",
        _what(export, file),
        "## Use",
        *_use(export, file),
        "## Evaluation",
        *_evaluation(export, evaluation),
        "## Training",
        *_training(export, command),
        "## License",
        _license(export),
        "## Intended use",
        _intended(export),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(export: Mapping[str, Any]) -> str:
    license_line = "license: cc-by-nc-4.0\n" if export["initial_weights"]["videomae"] else ""
    task = "video-classification" if export["stage"] == "finetune" else "feature-extraction"
    return (
        f"---\n{license_line}library_name: avme\npipeline_tag: {task}\n"
        "tags:\n- audio-visual\n- masked-autoencoder\n---"
    )


def _title(export: Mapping[str, Any]) -> str:
    what = "Video classifier" if export["stage"] == "finetune" else "Masked autoencoder"
    dataset = export["training"]["dataset"]
    return f"{what} trained on {as_text(dataset)}" if dataset else what


def _what(export: Mapping[str, Any], file: str) -> str:
    checkpoint, classes = export["checkpoint"], export["classes"]
    rows = [["property", "value"], ["file", as_code(file)], ["format", as_code(export["format"])]]
    rows.append(["modality", _modality(export)])
    if frames := export["frames"]:
        rows.append(
            [
                "window",
                f"{frames['num_frames']} frames of {frames['image_size']} x {frames['image_size']} "
                f"pixels, {_apart(frames['frame_stride'])}",
            ]
        )
    if export["stage"] == "finetune":
        rows.append(["classes", _classes(classes)])
    step = "not recorded" if checkpoint["step"] is None else str(checkpoint["step"])
    rows += [
        ["step", step],
        ["SHA-256 of the checkpoint", as_code(checkpoint["sha256"])],
        ["written by", f"avme {as_text(export['avme'])}"],
        [
            "largest difference from the model",
            f"{export['parity']['max_abs_difference']:.2g}, over random batches of 1 and 3 clips",
        ],
    ]
    return as_table(rows)


def _modality(export: Mapping[str, Any]) -> str:
    if export["modality"] is not None:
        return _MODALITIES[export["modality"]]
    return _MODALITIES["v" if export["audio"] is None else "av"]


def _apart(stride: int) -> str:
    return "successive source frames" if stride == 1 else f"{stride} source frames apart"


def _classes(classes: list[str]) -> str:
    if not classes:
        return "not named"
    shown = ", ".join(as_text(name) for name in classes[:_MOST_CLASSES])
    left = len(classes) - _MOST_CLASSES
    return f"{len(classes)}: {shown}" + (f" and {left} more in `export.json`" if left > 0 else "")


def _use(export: Mapping[str, Any], file: str) -> list[str]:
    inputs = [["input", "type", "shape", "meaning"]]
    for name, facts in (export["inputs"] | export["outputs"]).items():
        shape = json.dumps(facts["shape"]).replace('"', "")
        inputs.append([as_code(name), facts["dtype"], shape, facts["meaning"]])
    table = as_table(inputs)
    note = (
        "The last row is the output. `export.json` has the sampling of frames, the MFCC settings "
        "and statistics, and all class names."
    )
    names = list(export["inputs"])
    if export["format"] == "safetensors":
        if export["stage"] == "finetune":
            lines = ["avme predict FOLDER video.mp4", "avme eval FOLDER --data DATASET"]
        else:
            lines = ["avme reconstruct FOLDER video.mp4", "avme knn FOLDER --data DATASET"]
        lines.append("avme finetune --init FOLDER")
        return [as_code_block(lines), table, note]
    if export["format"] == "onnx":
        feed = ", ".join(f'"{name}": {name}' for name in names)
        lines = [
            "import onnxruntime",
            "",
            f"session = onnxruntime.InferenceSession({json.dumps(file)})",
            f"(output,) = session.run(None, {{{feed}}})",
        ]
    else:
        lines = [
            "import torch",
            "",
            f"model = torch.export.load({json.dumps(file)}).module()",
            f"output = model({', '.join(names)})",
        ]
    return [as_code_block(lines, "python"), table, note]


def _evaluation(export: Mapping[str, Any], evaluation: Mapping[str, Any] | None) -> list[str]:
    if evaluation is None:
        return ["Not evaluated."]
    rows = accuracy_rows(evaluation)
    tops = list(rows[0][2])
    table = [["clips", "n", *tops]]
    table += [
        [as_text(name), str(n), *(figures.get(top, "") for top in tops)]
        for name, n, figures in rows
    ]
    method = evaluation.get("interval_method") or {}
    said = (
        f"Dataset {as_text(evaluation.get('dataset'))}, split {as_text(evaluation.get('split'))}, "
        f"{as_text(evaluation.get('list'))} list. In parentheses: 95 % intervals"
    )
    if method.get("unit"):
        said += f", by bootstrap over each {as_text(method['unit'])}"
    return [f"{said}.", as_table(table), f"Signature: {as_code(evaluation.get('signature'))}"]


def _training(export: Mapping[str, Any], command: str | None) -> list[str]:
    training = export["training"]
    names = {
        "dataset": "dataset",
        "split": "split",
        "protocol": "protocol of clips and audio",
        "preset": "preset",
        "fingerprint": "fingerprint of the dataset",
        "train_list_sha256": "SHA-256 of the train list",
    }
    rows = [["training", "value"]]
    for key, name in names.items():
        value = training[key]
        rows.append([name, "not recorded" if value is None else as_code(value)])
    for key, name in (("pretrained", "pretrained from"), ("init", "initial weights")):
        if earlier := training.get(key):
            rows.append([name, _origin(earlier)])
    found = [as_table(rows)]
    if command:
        found.append(as_code_block([command]))
    return found


def _origin(origin: Mapping[str, Any]) -> str:
    shown = [
        f"{name} {as_code(origin[name])}"
        for name in ("form", "dataset", "split", "step", "sha256")
        if origin.get(name) is not None
    ]
    return ", ".join(shown)


def _license(export: Mapping[str, Any]) -> str:
    origin = export["initial_weights"]["videomae"]
    if origin is None:
        return (
            "avme itself is Apache-2.0. The terms of the training data apply; the author of the "
            "model states the license of its weights."
        )
    return (
        f"**Non-commercial.** The model descends from weights in the form of VideoMAE "
        f"({as_text(origin['form'])}, SHA-256 {as_code(origin['sha256'])}). The weights that "
        f"VideoMAE's authors publish are licensed under {VIDEOMAE_LICENSE}, which this model "
        "inherits."
    )


def _intended(export: Mapping[str, Any]) -> str:
    what = (
        "Classification of short clips into the classes above, from the kind of videos that the "
        "model was trained on."
        if export["stage"] == "finetune"
        else "Features of short clips, and a start for fine-tuning."
    )
    return (
        f"{what} This card has no figures for other classes, other kinds of videos, robustness, "
        "fairness, or use in decisions about persons."
    )
