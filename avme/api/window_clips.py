"""Windows of a file or of arrays as clips of a reconstruction."""

from collections.abc import Mapping, Sequence

import torch
from einops import rearrange

from avme.inference.classify import Windows
from avme.inference.inputs import ignores_audio
from avme.inference.model import Model
from avme.reconstruction.autoencoders import Autoencoder
from avme.reconstruction.clip_inputs import AudioVersion, ClipInput, Rows


class WindowClips:
    """Windows of one source for one model, which are read once.

    Raises MediaError if the source cannot be decoded.
    """

    def __init__(self, windows: Windows, name: str, model: Model) -> None:
        self._windows, self._name, self._model = list(windows), name, model
        self._warnings = tuple(windows.warnings)

    def __len__(self) -> int:
        return len(self._windows)

    @property
    def title(self) -> str:
        """Name of the source."""
        return self._name

    @property
    def file_name(self) -> str:
        """Default name of files of its figures."""
        return "windows"

    @property
    def warnings(self) -> Sequence[str]:
        """Warnings about the source."""
        return self._warnings

    def read(self, index: int, model: Autoencoder) -> ClipInput:
        """Return a window as the model receives it.

        Args:
            index: Number of the window.
            model: Autoencoder with the window of the loaded model.
        """
        window = self._windows[index]
        null: Rows = torch.zeros_like(window.mfcc), torch.zeros_like(window.audio_valid)
        real: Rows = window.mfcc, window.audio_valid
        audio: Mapping[AudioVersion, Rows] = {
            "real": null if ignores_audio(self._model.settings) else real,
            "null": null,
        }
        return ClipInput(
            name=self._name,
            detail=f"{window.start_seconds:.2f} to {window.end_seconds:.2f} s",
            video=rearrange(window.frames, "t h w c -> c t h w").contiguous(),
            audio=audio,
            seconds_per_frame=model.settings.clip.frame_stride / window.fps,
        )
