#!/usr/bin/env bash
# Guess:  -colorspace, -color_range, -color_primaries and -color_trc before the output file tag the
#         stream and leave the pixels alone, as widely answered.
# Seen:   in ffmpeg 9.0 `-colorspace bt709` converts the pixels of an untagged input from BT.601 and
#         `-color_range pc` expands them, while -color_primaries and -color_trc do nothing: the
#         output stays untagged. `-vf setparams=...` tags all of it and leaves the pixels alone.
#         In ffmpeg 5.1 all four options tag only, and in 7.0 -colorspace still does.
# With:   imageio-ffmpeg 0.8.1 (ffmpeg 9.0.2), and ffmpeg 5.1 if it is on PATH (Debian 12: 5.1.9);
#         2026-11-27.
# Matters: most web video is untagged. A script that "adds the missing tags" now changes the training
#         pixels (by up to 28 of 255 on a test card), and differently per version of ffmpeg.
# Known:  projects report that ffmpeg 8 drops -color_primaries and -color_trc (for example PortOS issue
#         3800); that -colorspace converts was not found.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check imageio-ffmpeg==0.8.1 av==18.1.0 numpy==2.4.6
new=$(venv/bin/python -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
untagged=format=yuv420p,setparams=colorspace=unknown:range=unspecified
"$new" -v error -f lavfi -i "testsrc2=s=64x48:r=25:d=0.2,$untagged" -c:v rawvideo -f nut in.nut

check() { # check FFMPEG OPTIONS...: compares a lossless output with in.nut; prints tags and difference
  "$1" -v error -y -i in.nut "${@:2}" -c:v libx264 -qp 0 out.mp4
  venv/bin/python - <<'PY'
import av


def read(path):
    with av.open(path) as container:
        frame = next(container.decode(video=0))
    tags = (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range)
    return frame.to_ndarray().astype(int), [int(tag) for tag in tags]


before, after = read("in.nut"), read("out.mp4")
print("difference", abs(before[0] - after[0]).max(), "matrix/primaries/transfer/range", *after[1])
PY
}
expect() { # expect PATTERN FFMPEG OPTIONS...
  local got
  got=$(check "${@:2}")
  echo "  ${*:3}: $got"
  [[ $got =~ $1 ]] || { echo "changed: expected $1"; exit 1; }
}
"$new" -version | sed -n 1p
tags=(-color_primaries bt709 -color_trc bt709)
expect '^difference 0 .* 2 2 2 0$' "$new" -an
expect '^difference [1-9][0-9]* .* 1 2 2 ' "$new" -colorspace bt709
expect '^difference [1-9][0-9]* .* 2 2 2 2$' "$new" -color_range pc
expect '^difference 0 .* 2 2 2 0$' "$new" "${tags[@]}"
expect '^difference 0 .* 1 1 1 ' "$new" -vf setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709
if old=$(command -v ffmpeg) && "$old" -version | grep -q '^ffmpeg version 5\.1'; then
  "$old" -version | sed -n 1p
  expect '^difference 0 .* 1 2 2 ' "$old" -colorspace bt709
  expect '^difference 0 .* 2 2 2 2$' "$old" -color_range pc
  expect '^difference 0 .* 2 1 1 ' "$old" "${tags[@]}"
else
  echo "no ffmpeg 5.1 on PATH: comparison skipped"
fi
echo "behaviour as described"
