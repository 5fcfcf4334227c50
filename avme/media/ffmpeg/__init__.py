"""The ffmpeg process: arguments, seeking, transcoding and its output."""
