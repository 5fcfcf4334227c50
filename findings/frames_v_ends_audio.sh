#!/usr/bin/env bash
# Guess:  `-frames:v N` limits the video stream only; an N that the video never reaches does nothing.
# Seen:   in ffmpeg 9.0 (and 7.0) it also ends every other stream of the same output with the video,
#         like -shortest, even if N is never reached: 10 s of audio become 4 s. It does so with -c copy,
#         too. `-vf trim=end_frame=N` limits the video only. ffmpeg 5.1 keeps the audio at an N that
#         is not reached.
# With:   imageio-ffmpeg 0.8.1 (ffmpeg 9.0.2), and ffmpeg 5.1 if it is on PATH (Debian 12: 5.1.9);
#         2026-11-27.
# Matters: a cap such as `-frames:v 100000` in a preparation script now cuts the audio of each clip
#         whose audio outlasts its video, with exit status 0 and no message.
# Known:  described in the log of the FFmpeg commit that added sync queues to its muxing (2022), not
#         in the manual entry of -frames.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check imageio-ffmpeg==0.8.1
new=$(venv/bin/python -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')

codecs=(-c:v mpeg4 -c:a pcm_s16le)
# 4 s of video (100 pictures) beside 10 s of audio.
"$new" -v error -f lavfi -i testsrc2=s=64x48:r=25:d=4 -f lavfi -i sine=d=10:r=16000 \
  "${codecs[@]}" in.mkv

audio_ms() { # audio_ms FFMPEG OPTIONS...: length of the audio that the output holds
  "$1" -v error -y -i in.mkv -map 0 "${@:2}" out.mkv >&2
  "$1" -v error -y -i out.mkv -map 0:a -f s16le out.raw >&2
  echo $(($(stat -c %s out.raw) / 32))
}
expect() { # expect WHAT MEASURED LOW HIGH
  echo "  $1: $2 ms of audio"
  [ "$2" -ge "$3" ] && [ "$2" -le "$4" ] || { echo "changed: expected $3 to $4 ms"; exit 1; }
}

"$new" -version | sed -n 1p
expect "no limit" "$(audio_ms "$new" "${codecs[@]}")" 10000 10000
expect "-frames:v 1000 (never reached)" "$(audio_ms "$new" "${codecs[@]}" -frames:v 1000)" 3800 4200
expect "-frames:v 1000 -c copy" "$(audio_ms "$new" -c copy -frames:v 1000)" 3800 4200
expect "-vf trim=end_frame=50" "$(audio_ms "$new" "${codecs[@]}" -vf trim=end_frame=50)" 10000 10000

if old=$(command -v ffmpeg) && "$old" -version | grep -q '^ffmpeg version 5\.1'; then
  "$old" -version | sed -n 1p
  expect "-frames:v 1000 (never reached)" "$(audio_ms "$old" "${codecs[@]}" -frames:v 1000)" 10000 10000
else
  echo "no ffmpeg 5.1 on PATH: comparison skipped"
fi
echo "behaviour as described"
