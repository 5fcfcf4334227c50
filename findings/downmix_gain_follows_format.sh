#!/usr/bin/env bash
# Guess:  `-ac 1` mixes stereo to (L + R) / 2, whatever the sample format of the output is.
# Seen:   the weights follow the output format: 0.5 each for s16, 0.7071 each for float, which is 3 dB
#         louder. Float samples of a loud recording exceed 1.0 (1.27 for 0.9 on both channels). PyAV's
#         AudioResampler does the same. With `-af aresample=rematrix_maxval=1` float gets 0.5, too.
# With:   imageio-ffmpeg 0.8.1 (ffmpeg 9.0.2), av 18.1.0, numpy 2.4.6, and ffmpeg 5.1 if it is on PATH
#         (Debian 12: 5.1.9); 2026-11-27.
# Matters: features written from f32le pipes and from WAV files differ by 3 dB for stereo sources only,
#         so a normalisation measured with one does not fit the other.
# Known:  asked once on a question site (`-f f32le` exceeds 1.0); the manual describes rematrix_maxval
#         without this effect.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check imageio-ffmpeg==0.8.1 av==18.1.0 numpy==2.4.6
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

import av
import numpy as np

stereo = np.full((16000, 2), round(0.9 * 32768), "<i2")  # 0.9 on both channels


def mix(ffmpeg, output, *options):
    command = [ffmpeg, "-v", "error", "-f", "s16le", "-ar", "16000", "-ac", "2", "-i", "-"]
    command += [*options, "-ac", "1", "-f", output, "-"]
    data = subprocess.run(command, input=stereo.tobytes(), stdout=subprocess.PIPE, check=True).stdout
    return level(np.frombuffer(data, {"s16le": "<i2", "f32le": "<f4"}[output]))


def level(samples):
    return float(samples[8000]) / (32768 if samples.dtype.kind == "i" else 1)


def expect(name, measured, wanted):
    print(f"  {name}: {measured:.4f}")
    if abs(measured - wanted) > 0.001:
        sys.exit(f"changed: expected {wanted:.4f}")


for ffmpeg in sys.argv[1:]:
    print(subprocess.check_output([ffmpeg, "-version"], text=True).splitlines()[0])
    expect("-ac 1 to s16", mix(ffmpeg, "s16le"), 0.9)
    expect("-ac 1 to float", mix(ffmpeg, "f32le"), 0.9 * 2**0.5)
    option = ("-af", "aresample=rematrix_maxval=1")
    expect("-ac 1 to float, rematrix_maxval=1", mix(ffmpeg, "f32le", *option), 0.9)

print("av", av.__version__)
for layout_format, wanted in (("s16", 0.9), ("flt", 0.9 * 2**0.5)):
    frame = av.AudioFrame.from_ndarray(stereo.reshape(1, -1), format="s16", layout="stereo")
    frame.sample_rate = 16000
    mixed = av.AudioResampler(format=layout_format, layout="mono", rate=16000).resample(frame)[0]
    expect(f"AudioResampler to {layout_format}", level(mixed.to_ndarray()[0]), wanted)
PY
echo "behaviour as described"
