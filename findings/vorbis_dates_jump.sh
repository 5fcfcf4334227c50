#!/usr/bin/env bash
# Guess:  the pts of decoded Ogg Vorbis frames equal the number of samples decoded before them.
# Seen:   in all pages but the last, libav dates the frame at each change from long to short blocks
#         448 samples late (10.2 ms at 44.1 kHz) and the next one right again: a gap, then an overlap.
#         The samples are complete. `atrim=start_pts=17408` therefore begins at sample 16960.
# With:   av 18.1.0, soundfile 0.14.0 (writes the file by libvorbis), imageio-ffmpeg 0.8.1 (ffmpeg
#         9.0.2), numpy 2.4.6; 2026-11-27.
# Matters: block changes occur at onsets (plosives, percussion), which is where audio-visual labels
#         are. Placing frames by pts repeats or drops samples there; count samples instead.
# Known:  users report non-monotonic times of ffmpeg's Ogg Vorbis remuxes; the 448 samples are
#         2048 / 4 - 256 / 4 (see NVorbis issue 19, another reader). The cause in libav was not found.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check \
  av==18.1.0 soundfile==0.14.0 imageio-ffmpeg==0.8.1 numpy==2.4.6
ffmpeg=$(venv/bin/python -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
"$ffmpeg" -version | sed -n 1p

venv/bin/python - "$ffmpeg" <<'PY'
import subprocess
import sys

import av
import numpy as np
import soundfile

print("av", av.__version__, "soundfile", soundfile.__version__, soundfile.__libsndfile_version__)
time = np.arange(14 * 44100) / 44100  # four pages of audio
bursts = 0.9 * np.sin(2 * np.pi * 440 * time) * (time % 0.5 > 0.4)
soundfile.write("in.ogg", bursts, 44100, subtype="VORBIS")
samples, _ = soundfile.read("in.ogg", dtype="float32")

with av.open("in.ogg") as container:
    frames = [(frame.pts, frame.to_ndarray()[0]) for frame in container.decode(audio=0)]
decoded = np.concatenate([data for _, data in frames])
assert len(decoded) == len(samples) and abs(decoded - samples).max() < 1e-4, "samples differ"

starts = np.cumsum([0] + [len(data) for _, data in frames[:-1]])
late = [(pts, int(start)) for (pts, _), start in zip(frames, starts, strict=True) if pts != start]
print(f"{len(frames)} frames, {len(late)} with another pts than their first sample:", late[:4], "...")
if not late or {pts - start for pts, start in late} != {448}:
    sys.exit("changed: expected frames that are dated 448 samples late")
lengths = [len(data) for _, data in frames]  # 1024 in long blocks, 128 in short ones, 576 between
to_short = [int(starts[i]) for i in range(1, len(frames)) if lengths[i - 1 : i + 1] == [1024, 576]]
print(f"{len(to_short)} changes to short blocks, the last ones (last page) dated right")
if [start for _, start in late] != to_short[: len(late)]:
    sys.exit(f"changed: the late frames are not those at changes to short blocks, {to_short}")

pts, start = late[0]
command = [sys.argv[1], "-v", "quiet", "-i", "in.ogg", "-af", f"atrim=start_pts={pts}", "-f", "f32le", "-"]
cut = np.frombuffer(subprocess.check_output(command), "<f4")
print(f"atrim=start_pts={pts} begins at sample {len(samples) - len(cut)}")
if len(samples) - len(cut) != start:
    sys.exit(f"changed: expected sample {start}")
PY
echo "behaviour as described"
