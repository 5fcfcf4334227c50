#!/usr/bin/env bash
# Guess:  `-ac 1` of a recording with n unlabelled channels (PCM in Matroska) averages them.
# Seen:   ffmpeg guesses a loudspeaker layout from the number of channels and mixes by its roles. Of 3
#         channels ("2.1") the third counts as a subwoofer and is lost; of 5 the third is weighted
#         1.4 times the first and twice the fourth. Of 16 channels 8 are lost in ffmpeg 5.1 (9 to 16)
#         and 5 in 9.0 (4, 13 to 16). One warning names the guessed layout, none the loss.
#         `-af pan=mono|c0=c0+c1+c2` keeps all.
# With:   imageio-ffmpeg 0.8.1 (ffmpeg 9.0.2), numpy 2.4.6, and ffmpeg 5.1 if it is on PATH (Debian 12:
#         5.1.9); 2026-11-27.
# Matters: multi-microphone recordings. If the speech is on a lost channel, the clip becomes silent and
#         still has an audio stream.
# Known:  the guess is documented (-guess_layout_max); that it drops channels was not found.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check imageio-ffmpeg==0.8.1 numpy==2.4.6
new=$(venv/bin/python -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
others=()
if old=$(command -v ffmpeg) && "$old" -version | grep -q '^ffmpeg version 5\.1'; then
  others=("$old")
else
  echo "no ffmpeg 5.1 on PATH: second version skipped"
fi

venv/bin/python - "$new" "${others[@]}" <<'PY'
import subprocess
import sys

import numpy as np


def run(command, data=None):
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def weights(ffmpeg, channels, *options):
    """Return the level in the mono mix of each channel, if it alone carries signal."""
    levels = []
    for loud in range(channels):
        samples = np.zeros((1600, channels), "<i2")
        samples[:, loud] = 16384
        raw = ["-f", "s16le", "-ar", "16000", "-ac", str(channels), "-i", "-"]
        run([ffmpeg, "-v", "error", "-y", *raw, "-c", "copy", "in.mka"], samples.tobytes())
        mono = run([ffmpeg, "-v", "error", "-i", "in.mka", *options, "-ac", "1", "-f", "s16le", "-"])
        levels.append(round(float(np.frombuffer(mono, "<i2")[800]) / 16384, 3))
    return levels


def lost(levels):
    return [channel for channel, level in enumerate(levels, 1) if level == 0]


for ffmpeg, of_16 in zip(sys.argv[1:], ([4, 13, 14, 15, 16], [*range(9, 17)]), strict=False):
    print(run([ffmpeg, "-version"]).decode().splitlines()[0])
    for channels, expected in ((3, [3]), (5, []), (16, of_16)):
        levels = weights(ffmpeg, channels)
        print(f"  {channels} channels: lost {lost(levels)}, weights {levels}")
        if lost(levels) != expected or len(set(levels)) == 1:
            sys.exit(f"changed: expected channels {expected} to be lost and unequal weights")
    if lost(weights(ffmpeg, 3, "-af", "pan=mono|c0=c0+c1+c2")):
        sys.exit("changed: pan loses a channel")
PY
echo "behaviour as described"
