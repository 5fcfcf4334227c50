#!/usr/bin/env bash
# Guess:  zscale's `t=linear` decodes HLG as BT.2100 defines it: scene light scaled by luminance^0.2,
#         the same factor for R, G and B.
# Seen:   by default (agamma=1, "approximate gamma") each channel is raised to 1.2 on its own. Greys
#         are right; in saturated colours channels are off by factors of 0.75 to 1.5. agamma=0 is
#         BT.2100 to three digits.
# With:   imageio-ffmpeg 0.8.1 (ffmpeg 9.0.2), numpy 2.4.6, and ffmpeg 5.1 if it is on PATH (Debian 12:
#         5.1.9); 2026-11-27.
# Matters: phones record HLG, and the usual recipe for 8-bit frames begins with zscale=t=linear, so the
#         colours of such clips are oversaturated.
# Known:  by users of zimg (pull request 78; VapourSynth pull request 1019). ffmpeg's help says only
#         "allow approximate gamma".
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

signal = np.array([[0.75, 0.25, 0.25], [0.25, 0.25, 0.75], [0.5, 0.5, 0.5]], "<f4")  # R'G'B' patches
a, b, c = 0.17883277, 0.28466892, 0.55991073  # BT.2100, table 5
scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
luminance = scene @ np.array([0.2627, 0.6780, 0.0593])
display = scene * luminance[:, None] ** 0.2
per_channel = scene**1.2


def linear(ffmpeg, option):
    planes = np.repeat(signal[:, [1, 2, 0]].T[:, :, None], 32, axis=2)  # G, B, R planes
    tags = "setparams=color_trc=arib-std-b67:color_primaries=bt2020:colorspace=gbr:range=pc"
    convert = f"zscale=t=linear:npl=1000{option},format=gbrpf32le"
    command = [ffmpeg, "-v", "error", "-f", "rawvideo", "-pix_fmt", "gbrpf32le", "-s", "32x3"]
    command += ["-i", "-", "-vf", f"{tags},{convert}", "-f", "rawvideo", "-"]
    data = subprocess.run(command, input=planes.tobytes(), stdout=subprocess.PIPE, check=True).stdout
    return np.frombuffer(data, "<f4").reshape(3, 3, 32)[:, :, 8].T[:, [2, 0, 1]]


for ffmpeg in sys.argv[1:]:
    print(subprocess.check_output([ffmpeg, "-version"], text=True).splitlines()[0])
    default, exact = linear(ffmpeg, ""), linear(ffmpeg, ":agamma=0")
    for patch, got, other in zip(signal, default / display, exact / display, strict=True):
        print(f"  R'G'B' {patch}: default / BT.2100 {got.round(3)}, agamma=0 / BT.2100 {other.round(3)}")
    if not np.allclose(default, per_channel, rtol=0.01) or np.allclose(default, display, rtol=0.1):
        sys.exit("changed: the default is no longer a power of 1.2 per channel")
    if not np.allclose(exact, display, rtol=0.01):
        sys.exit("changed: agamma=0 is not BT.2100")
PY
echo "behaviour as described"
