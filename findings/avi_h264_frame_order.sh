#!/usr/bin/env bash
# Guess:  frames that PyAV decodes carry increasing pts, so frame n of a 25 fps file has pts n, and
#         sorting by pts (or looking a frame up by its time) gives display order.
# Seen:   AVI stores no presentation times, and libavformat makes them up. For H.264 with B-frames
#         PyAV reports 1 3 4 2 6 7 5 ... for pictures 0 1 2 3 4 5 6: sorted by pts they are shuffled.
#         Without B-frames they are in order but one frame late (1 2 3 ...), and so is MPEG-2 with
#         -bf 0; MPEG-4 without B-frames starts at 0. ffmpeg itself writes increasing times, since it
#         uses best_effort_timestamp, which PyAV does not expose.
# With:   av 18.1.0, imageio-ffmpeg 0.8.1 (ffmpeg 9.0.2), numpy 2.4.6; 2026-11-27.
# Matters: old action and speech datasets are AVI. Sampling by pts takes wrong frames, and one frame
#         late is 40 ms against the audio. Count decoded frames instead.
# Known:  unordered pts of AVI files: PyAV issue 534 (no cause given). The late dates: not found.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check av==18.1.0 imageio-ffmpeg==0.8.1 numpy==2.4.6
ffmpeg=$(venv/bin/python -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
"$ffmpeg" -version | sed -n 1p

# Picture n has luma 20 + 18 n, so a decoded picture names its own index.
make() { # make NAME ENCODER-OPTIONS...
  local pictures="color=black:s=64x48:r=25:d=0.4,format=yuv420p,geq=lum='20+18*N':cb=128:cr=128"
  "$ffmpeg" -v error -f lavfi -i "$pictures" -qscale:v 2 "${@:2}" "$1.avi"
}
make h264_b2 -c:v libx264 -bf 2 -b_strategy 0
make h264_b0 -c:v libx264 -bf 0
make mpeg2_b0 -c:v mpeg2video -bf 0
make mpeg4_b0 -c:v mpeg4 -bf 0

venv/bin/python - <<'PY'
import av

print("av", av.__version__)


def decoded(name):
    with av.open(f"{name}.avi") as container:
        frames = [(f.pts, f.to_ndarray()[:48, :64].mean()) for f in container.decode(video=0)]
    return [(pts, round((luma - 20) / 18)) for pts, luma in frames]


for name in ("h264_b2", "h264_b0", "mpeg2_b0", "mpeg4_b0"):
    frames = decoded(name)
    print(f"{name:9} pts of pictures 0..9: {[pts for pts, _ in frames]}")
    assert [picture for _, picture in frames] == list(range(10)), "decoded out of display order"

by_pts = [picture for _, picture in sorted(decoded("h264_b2"))]
print("h264_b2   pictures sorted by pts:", by_pts)
assert by_pts != list(range(10)), "changed: sorting by pts now gives display order"
assert [p for p, _ in decoded("h264_b0")] == list(range(1, 11)), "changed: H.264 without B-frames"
assert [p for p, _ in decoded("mpeg2_b0")] == list(range(1, 11)), "changed: MPEG-2 without B-frames"
assert [p for p, _ in decoded("mpeg4_b0")] == list(range(10)), "changed: MPEG-4 without B-frames"
PY
echo "behaviour as described"
