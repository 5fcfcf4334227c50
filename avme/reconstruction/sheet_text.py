"""Title and notes of a comparison: what is shown, and how it was made."""

from collections.abc import Sequence

from avme.reconstruction.comparison import Comparison
from avme.reconstruction.scores import Mean, ScoreRow


def title_of(source: str, comparison: Comparison, rows: Sequence[ScoreRow], num_clips: int) -> str:
    """Return the title: source and models, with the mean PSNR of each in two lines.

    Args:
        source: Dataset and list, or file.
        comparison: Models and statistics of their frames.
        rows: Scores.
        num_clips: Number of clips.
    """
    parts, statistics = [], comparison.statistics
    for model in comparison.models:
        shown = statistics if model.is_normalized else None
        row = next(
            row
            for row in rows
            if row.kind == "model" and (row.name, row.statistics) == (model.name, shown)
        )
        parts.append(f"{model.name} (step {model.step}) {main_score(row).psnr_db:.1f} dB")
    free = [row for row in rows if row.kind == "free" and row.by_audio]
    best = max(free, key=lambda row: main_score(row).psnr_db)
    parts.append(f"best free baseline ({best.name}) {main_score(best).psnr_db:.1f} dB")
    given = _flat(rows)
    if given is not None and statistics == "hidden":
        parts.append(f"flat hidden patches {given:.1f} dB")
    mean = f", mean of n = {num_clips}" if num_clips > 1 else ""
    return f"{source}\nPSNR over hidden places{mean}: {'; '.join(parts)}"


def main_score(row: ScoreRow) -> Mean:
    """Return the score with real audio, or the only one."""
    return row.by_audio["real"] if "real" in row.by_audio else row.by_audio[None]


def notes_of(
    comparison: Comparison, rows: Sequence[ScoreRow], num_clips: int, num_drawn: int
) -> list[str]:
    """Return sentences on masks, un-normalization, baselines and settings that differ.

    Args:
        comparison: Models, masks and statistics.
        rows: Scores.
        num_clips: Number of clips.
        num_drawn: Number of clips in the figures.
    """
    models = comparison.models
    hidden = [f"{comparison.masks[setup].effective_ratio:.0%}" for setup in comparison.setups]
    notes = [
        f"{' and '.join(dict.fromkeys(hidden))} of every frame is hidden, the same places in all "
        f"frames (tube mask, seed {comparison.seed}). PSNR (dB) and SSIM (at most 1) are over "
        "hidden places alone; higher is better."
    ]
    if any(model.is_normalized for model in models):
        notes.append(_unnormalization(comparison, rows))
    for setup in map(str, comparison.setups):
        free = [r for r in rows if r.kind == "free" and r.by_audio and r.setup == setup]
        values = ", ".join(f"{row.name} {main_score(row).psnr_db:.1f}" for row in free)
        where = f" ({setup})" if len(comparison.setups) > 1 else ""
        notes.append(f"Free baselines in dB{where}: {values}.")
    if len(comparison.setups) > 1:
        notes.append(
            "The models differ in frames or patches: each setup has its own clips and mask, so "
            "that figures compare within a setup only."
        )
    for model in models:
        trained = model.settings.mask.ratio
        if trained != comparison.mask_ratio:
            notes.append(
                f"{model.name} was trained with mask ratio {trained:g} (here "
                f"{comparison.mask_ratio:g})."
            )
    if num_drawn < num_clips:
        notes.append(f"Figures show the first {num_drawn} of {num_clips} clips.")
    return notes


def _unnormalization(comparison: Comparison, rows: Sequence[ScoreRow]) -> str:
    names = ", ".join(model.name for model in comparison.models if model.is_normalized)
    if comparison.statistics == "hidden":
        return (
            f"Normalized target ({names}): every hidden patch has its mean and deviation from the "
            f"original, as in VideoMAE's figures. Flat patches of that mean alone have "
            f"{_flat(rows):.1f} dB: only what exceeds it is predicted. 'Visible statistics' "
            "estimates both from visible patches, without the original."
        )
    return (
        f"Normalized target ({names}): mean and deviation of every hidden patch are interpolated "
        "from visible patches; nothing of the original hidden patches is used."
    )


def _flat(rows: Sequence[ScoreRow]) -> float | None:
    """Return the mean PSNR of flat patches of the hidden means, of the first setup with them."""
    found = (row for row in rows if row.kind == "reference")
    row = next(found, None)
    return None if row is None else main_score(row).psnr_db
