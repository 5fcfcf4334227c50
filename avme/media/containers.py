"""Which files count as videos, and what may be opened to read one.

A file name proves nothing: a playlist named `clip.avi` asks the demuxer to open other files or
addresses. So every opener in this package is limited to the local file itself (`PROTOCOLS`) and to
demuxers of real containers (`DEMUXERS`), and playlists, scripts and image patterns fall through.
"""

VIDEO_SUFFIXES = frozenset(
    {
        *(".3gp", ".asf", ".avi", ".dv", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4"),
        *(".mpeg", ".mpg", ".mts", ".mxf", ".ogg", ".ogv", ".rm", ".ts", ".vob", ".webm", ".wmv"),
    }
)
"""Endings, in lower case, under which videos are looked for."""

PROTOCOLS = "file,pipe"
"""Value of ffmpeg's `protocol_whitelist`: no network, no concatenation, no encryption layer."""

DEMUXERS = "asf,avi,dv,flv,gif,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mpeg,mpegts,mxf,nut,ogg,rm"
"""Value of ffmpeg's `format_whitelist`."""
