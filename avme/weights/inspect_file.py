"""Description of a weight file in rows of name and value."""

from collections.abc import Iterator

from avme.message_text import some_of
from avme.weights.load import ImportedWeights
from avme.weights.load_into_model import by_part

_FORMS = {
    "official": "VideoMAE's own",
    "huggingface": "Hugging Face",
    "avme": "avme",
}


def describe_weights(weights: ImportedWeights) -> Iterator[tuple[str, str]]:
    """Return form, geometry, parameters by part, precision, classes and positions."""
    yield "file", f"{weights.file}{f' and {len(weights.parts)} shards' * bool(weights.parts)}"
    yield "form", f"{_FORMS[weights.form]}, {weights.wrapping}"
    yield "holds", _holds(weights)
    for tower in ("visual", "decoder"):
        sizes = [
            f"{key.rpartition('.')[2]} {value}"
            for key, value in weights.leaves.items()
            if key.startswith(f"model.{tower}.") and not isinstance(value, bool)
        ]
        if sizes:
            yield tower, ", ".join(sizes)
    counts: dict[str, int] = {}
    for name, tensor in weights.tensors.items():
        part = name.partition(".")[0]
        counts[part] = counts.get(part, 0) + tensor.numel()
    for part, count in counts.items():
        yield f"numbers in {part}", f"{count:,}"
    yield "numbers in all", f"{sum(counts.values()):,}"
    stored = [f"{number} tensors of {kind}" for kind, number in weights.stored_as.items()]
    yield "stored as", ", ".join(stored)
    yield "window", "{} frames of {} pixels".format(*weights.window)
    yield "positions", "sine-cosine over {} x {} x {} places".format(*weights.grid)
    if weights.num_classes:
        first = f": {some_of(weights.classes, 5)}" if weights.classes else ", without names"
        yield "classes", f"{weights.num_classes}{first}"
    yield "left out", by_part(weights.dropped)
    if weights.facts.get("step") is not None:
        yield "step", str(weights.facts["step"])
    for name, value in (weights.facts.get("best") or {}).items():
        yield f"best {name}", f"{value:g}"
    yield "checksum inside", weights.checksum
    yield "SHA-256", weights.sha256()
    for warning in weights.warnings:
        yield "warning", warning


def _holds(weights: ImportedWeights) -> str:
    if weights.stage == "encoder":
        return "a video encoder, without decoder or head"
    if weights.stage == "finetune":
        return f"a classifier, modality {weights.modality}"
    fused = any(name.startswith("audio.") for name in weights.tensors)
    return f"a masked autoencoder of {'video and audio' if fused else 'video'}"
