"""Model inputs: shapes, and what a modality leaves out."""

import torch

from avme.config import FinetuneConfig
from avme.evaluation.modality import choose_modality
from avme.inference.inputs import VIEWS_AT_A_TIME, chunks, ignores_audio, to_batch
from avme.inference.media_window import MediaWindow


def view(index: int = 0) -> MediaWindow:
    generator = torch.Generator().manual_seed(index)
    return MediaWindow(
        index=index,
        start_seconds=0.0,
        end_seconds=1.0,
        fps=25.0,
        frames=torch.randint(0, 256, (2, 8, 8, 3), generator=generator, dtype=torch.uint8),
        mfcc=torch.ones(16, 13),
        audio_valid=torch.ones(16, dtype=torch.bool),
        samples=None,
    )


def test_to_batch_stacks_views_with_channels_first() -> None:
    batch = to_batch([view(0), view(1)], no_audio=False)

    assert batch.video.shape == (2, 3, 2, 8, 8)
    assert torch.equal(batch.video[1, 2], view(1).frames[..., 2])
    assert batch.audio_valid.all()


def test_to_batch_without_audio_has_no_valid_row() -> None:
    for batch in (
        to_batch([view()], no_audio=True),
        to_batch([view()], modality=choose_modality("av", "v", 13), no_audio=False),
    ):
        assert not batch.audio_valid.any()
        assert not batch.mfcc.any()


def test_to_batch_of_audio_alone_has_blank_frames() -> None:
    batch = to_batch([view()], modality=choose_modality("av", "a", 13), no_audio=False)

    assert len(set(batch.video.flatten().tolist())) <= 3
    assert batch.audio_valid.all()


def test_chunks_keep_all_views_in_order() -> None:
    found = list(chunks(iter([view(index) for index in range(VIEWS_AT_A_TIME + 1)])))

    assert [len(part) for part in found] == [VIEWS_AT_A_TIME, 1]
    assert [one.index for part in found for one in part] == list(range(VIEWS_AT_A_TIME + 1))


def test_ignores_audio_of_protocols_without_it() -> None:
    def settings(protocol: str, modality: str = "av") -> FinetuneConfig:
        return FinetuneConfig.model_validate(
            {"train": {"protocol": protocol}, "modality": modality}
        )

    assert ignores_audio(settings("visual", "v"))
    assert ignores_audio(settings("constant"))
    assert not ignores_audio(settings("donor"))
