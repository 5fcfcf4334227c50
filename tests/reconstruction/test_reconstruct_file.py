"""One window of a video by a loaded model."""

from pathlib import Path

import numpy as np
import pytest

from avme.errors import MismatchError
from avme.inference.model import load_model
from avme.reconstruction.reconstruct_file import reconstruct_file

pytestmark = pytest.mark.slow


def test_reconstruct_file_completes_hidden_places_of_the_middle_window(
    pretrained: Path, videos: Path
) -> None:
    video = videos / "Archery" / "v_Archery_g01_c01.avi"

    found = reconstruct_file(load_model(pretrained, "cpu"), video, mask_ratio=0.5, seed=3)

    (version,) = found.models
    assert found.is_hidden.mean() == 0.5
    assert np.array_equal(version.frames[~found.is_hidden], found.truth[~found.is_hidden])
    assert version.shown == ("hidden", "real")
    assert found.clip.name == video.name


def test_reconstruct_file_by_a_classifier_is_refused(finetuned: Path, videos: Path) -> None:
    with pytest.raises(MismatchError, match="fine-tuning drops the decoder"):
        reconstruct_file(load_model(finetuned, "cpu"), videos / "any.avi")
