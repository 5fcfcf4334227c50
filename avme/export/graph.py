"""Graphs for export: a trained model with plain inputs, one output, and no data-dependent branch.

A classifier gives logits; an autoencoder gives the mean token of its deepest stage, as `avme embed`
does. The mask `audio_valid` selects the null token of clips without audio inside the graph.

Shape letters: b clips, t frames, h and w pixels, c colors, s MFCC rows, f coefficients, l outputs,
d channels.
"""

from typing import Final, Literal, cast

from einops import rearrange, reduce
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from avme.models.audio_encoder import AudioEncoder
from avme.models.build import Network
from avme.models.classifier import Classifier
from avme.models.tubelets import to_tubelets

Input = Literal["frames", "mfcc", "audio_valid"]
INPUTS: Final[tuple[Input, ...]] = ("frames", "mfcc", "audio_valid")


class ExportGraph(nn.Module):
    """Base of the graphs: encoders, fusion, and the head or the mean."""

    inputs: tuple[Input, ...]

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    @property
    def output(self) -> str:
        """Name of the output."""
        return "logits" if isinstance(self.network, Classifier) else "features"

    def _encode_video(self, frames: Tensor) -> Tensor:
        sizes = self.network.config.visual
        video = rearrange(frames, "b t h w c -> b c t h w")
        tubelets = to_tubelets(video, sizes.tubelet_size, sizes.patch_size)
        return cast(Tensor, self._part("visual")(tubelets))

    def _encode_audio(self, mfcc: Tensor, audio_valid: Tensor) -> Tensor:
        return cast(AudioEncoder, self._part("audio")).encode_all(mfcc, audio_valid)

    def _finish(
        self, video: Tensor | None, audio: Tensor | None, audio_valid: Tensor | None = None
    ) -> Tensor:
        if isinstance(self.network, Classifier):
            has_audio = None if audio_valid is None else audio_valid.any(dim=1)
            return self.network.classify(video, audio, has_audio)
        tokens = video if audio is None else self._part("fusion")(video, audio)
        return reduce(cast(Tensor, tokens), "b k d -> b d", "mean")

    def _part(self, name: str) -> nn.Module:
        return self.network.get_submodule(name)


class AudioVideoGraph(ExportGraph):
    """Graph of a model of frames and audio."""

    inputs = INPUTS

    def forward(
        self,
        frames: UInt8[Tensor, "b t h w c"],
        mfcc: Float[Tensor, "b s f"],
        audio_valid: Bool[Tensor, "b s"],
    ) -> Float[Tensor, "b l"]:
        """Return logits or features.

        Args:
            frames: RGB, 0 to 255.
            mfcc: Normalized rows of the window.
            audio_valid: True for rows with audio; all False for a clip without audio.
        """
        return self._finish(
            self._encode_video(frames), self._encode_audio(mfcc, audio_valid), audio_valid
        )


class VideoGraph(ExportGraph):
    """Graph of a model of frames alone."""

    inputs = ("frames",)

    def forward(self, frames: UInt8[Tensor, "b t h w c"]) -> Float[Tensor, "b l"]:
        """Return logits or features of frames, 0 to 255."""
        return self._finish(self._encode_video(frames), None)


class AudioGraph(ExportGraph):
    """Graph of a classifier of audio alone."""

    inputs = ("mfcc", "audio_valid")

    def forward(
        self, mfcc: Float[Tensor, "b s f"], audio_valid: Bool[Tensor, "b s"]
    ) -> Float[Tensor, "b l"]:
        """Return logits of normalized MFCC rows; `audio_valid` selects those with audio."""
        return self._finish(None, self._encode_audio(mfcc, audio_valid))


def build_graph(network: Network) -> ExportGraph:
    """Return the graph of a network, in evaluation mode; parameters are shared with it."""
    if network.visual is None:
        graph: ExportGraph = AudioGraph(network)
    elif network.audio is None:
        graph = VideoGraph(network)
    else:
        graph = AudioVideoGraph(network)
    return graph.eval()
