#!/usr/bin/env bash
# Guess:  -af is short for -filter:a, so `-af:a:0 X` filters the first audio stream of the output.
# Seen:   -af accepts a stream specifier and ignores it without a message: `-af:a:0 X` and `-af:a:1 X`
#         filter every audio stream. `-filter:a:0 X` filters one.
# With:   imageio-ffmpeg 0.8.1 (ffmpeg 9.0.2), and ffmpeg 5.1 if it is on PATH (Debian 12: 5.1.9);
#         2026-11-27.
# Matters: recordings with one track per microphone or language, and outputs that keep the original
#         next to a filtered copy: all tracks are changed, and nothing reports it.
# Known:  the manual calls -af an alias of -filter:a, whose specifiers work. No discussion found.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check imageio-ffmpeg==0.8.1
new=$(venv/bin/python -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')

tracks() { # tracks FFMPEG OPTIONS...: which of the two audio tracks is silent
  "$1" -v warning -y -f lavfi -i sine=d=1 -f lavfi -i sine=d=1 -map 0 -map 1 \
    -c:a pcm_s16le "${@:2}" out.mka >&2
  local track
  for track in 0 1; do
    "$1" -v error -y -i out.mka -map "0:a:$track" -f s16le track.raw >&2
    if [ "$(tr -d '\0' <track.raw | wc -c)" -eq 0 ]; then echo -n "silent "; else echo -n "sound "; fi
  done
}
expect() { # expect FFMPEG OPTION WANTED
  local got
  got=$(tracks "$1" "$2" volume=0)
  echo "  $2 volume=0 on two tracks: $got"
  [ "$got" = "$3" ] || { echo "changed: expected $3"; exit 1; }
}
check() {
  "$1" -version | sed -n 1p
  expect "$1" -filter:a:0 "silent sound "
  expect "$1" -af:a:0 "silent silent "
  expect "$1" -af:a:1 "silent silent "
}
check "$new"
if old=$(command -v ffmpeg) && "$old" -version | grep -q '^ffmpeg version 5\.1'; then
  check "$old"
else
  echo "no ffmpeg 5.1 on PATH: second version skipped"
fi
echo "behaviour as described"
