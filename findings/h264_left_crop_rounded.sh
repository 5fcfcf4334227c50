#!/usr/bin/env bash
# Guess:  frames decoded from H.264 have the size that the stream states, its crop applied.
# Seen:   libavcodec rounds the left crop down to an aligned address unless the flag `unaligned` is
#         set: in 4:2:0 with 8 bits to a multiple of 64. With crop_left=6 PyAV and ffmpeg 5.1 give
#         frames 6 pixels wider than `stream.width` and ffprobe say, with the 6 columns that are to be
#         hidden; crop_left=70 leaves 6 of 70. The other three sides are exact. ffmpeg 9.0 is exact, and
#         so are the others with `unaligned` (`-flags +unaligned` before -i).
# With:   av 18.1.0, imageio-ffmpeg 0.8.1 (ffmpeg 9.0.2), numpy 2.4.6, and ffmpeg 5.1 if it is on PATH
#         (Debian 12: 5.1.9); 2026-11-27.
# Matters: a black bar cropped without encoding again (h264_metadata) comes back on the left, frames do
#         not fit arrays of the stated size, and boxes in pixels of one reader are shifted in another.
# Known:  avcodec.h says so at `apply_cropping`; the help of ffmpeg only "allow decoders to produce
#         unaligned output". mpv issue 16758 reports wrong cropping after h264_metadata.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check av==18.1.0 imageio-ffmpeg==0.8.1 numpy==2.4.6
new=$(venv/bin/python -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
old=$(command -v ffmpeg || true)
if [ -z "$old" ] || ! "$old" -version | grep -q '^ffmpeg version 5\.1'; then
  echo "no ffmpeg 5.1 on PATH: second version skipped"
  old=
fi

# Column x has luma 16 + x, so a decoded frame names its first column.
columns="color=black:s=192x64:r=5:d=0.4,format=yuv420p,geq=lum='16+X':cb=128:cr=128"
for left in 0 6 64 70; do
  "$new" -v error -f lavfi -i "$columns" -c:v libx264 -qp 0 \
    -bsf:v "h264_metadata=crop_left=$left:crop_right=10:crop_top=4:crop_bottom=2" "$left.mp4"
done

venv/bin/python - "$new" $old <<'PY'
import subprocess
import sys

import av
import numpy as np

HEIGHT = 58


def by_pyav(left, unaligned):
    with av.open(f"{left}.mp4") as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (182 - left, HEIGHT), "changed: another stated size"
        if unaligned:
            stream.codec_context.flags |= av.codec.context.Flags.unaligned
        frame = next(container.decode(stream))
    assert frame.height == HEIGHT, "changed: the height is not exact"
    return frame.width, int(frame.to_ndarray()[0, 0]) - 16


def by_ffmpeg(ffmpeg, left, unaligned):
    flags = ["-flags", "+unaligned"] if unaligned else []
    command = [ffmpeg, "-v", "error", *flags, "-i", f"{left}.mp4", "-frames:v", "1"]
    data = subprocess.check_output([*command, "-f", "rawvideo", "-"])
    return len(data) * 2 // 3 // HEIGHT, int(np.frombuffer(data, np.uint8)[0]) - 16


def check(name, read, rounds):
    print(name)
    for left in (0, 6, 64, 70):
        for unaligned in (False, True):
            width, first = read(left, unaligned)
            note = " with unaligned" if unaligned else ""
            print(f"  crop_left={left}{note}: width {width}, first column {first}; stated {182 - left}")
            wanted = left - left % 64 if rounds and not unaligned else left
            if (width, first) != (182 - wanted, wanted):
                sys.exit(f"changed: expected width {182 - wanted}, first column {wanted}")


check(f"av {av.__version__}", by_pyav, rounds=True)
for ffmpeg in sys.argv[1:]:
    version = subprocess.check_output([ffmpeg, "-version"], text=True).splitlines()[0]
    check(version, lambda *asked, f=ffmpeg: by_ffmpeg(f, *asked), rounds=ffmpeg != sys.argv[1])
PY
echo "behaviour as described"
