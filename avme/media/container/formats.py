"""Accepted file suffixes, demuxers and protocols.

A file name is no proof: a playlist named `clip.avi` asks the demuxer to open other files or
addresses. Therefore every reader in this package is limited to the local file itself (`PROTOCOLS`)
and to demuxers of real containers (`DEMUXERS`); playlists, scripts and image patterns are refused.
"""

VIDEO_SUFFIXES = frozenset(
    {
        *(".3g2", ".3gp", ".3gp2", ".3gpp", ".amv", ".asf", ".avi", ".divx", ".dv", ".evo", ".f4v"),
        *(
            ".flv",
            ".gif",
            ".ismv",
            ".m1v",
            ".m2p",
            ".m2t",
            ".m2ts",
            ".m2v",
            ".m4v",
            ".mj2",
            ".mk3d",
        ),
        *(".mkv", ".mod", ".mov", ".mp4", ".mp4v", ".mpe", ".mpeg", ".mpeg4", ".mpg", ".mpg4"),
        *(".mpv", ".mts", ".mxf", ".nut", ".ogg", ".ogm", ".ogv", ".ogx", ".qt", ".rm", ".rmvb"),
        *(".tod", ".tp", ".trp", ".ts", ".vob", ".vro", ".webm", ".wm", ".wmv", ".xvid"),
    }
)
"""Suffixes of video files, in lower case."""

UNFINISHED_SUFFIXES = frozenset({".crdownload", ".download", ".part", ".partial", ".ytdl"})
"""Suffixes of incomplete or running downloads."""

OTHER_SUFFIXES = frozenset(
    {
        *(".bmp", ".heic", ".ico", ".jpeg", ".jpg", ".png", ".svg", ".tif", ".tiff", ".webp"),
        *(".aac", ".ac3", ".aif", ".aiff", ".amr", ".flac", ".m4a", ".mid", ".mka", ".mp3", ".oga"),
        *(".opus", ".ra", ".wav", ".wma", ".ass", ".srt", ".ssa", ".vtt"),
        *(
            ".csv",
            ".html",
            ".ipynb",
            ".json",
            ".jsonl",
            ".log",
            ".md",
            ".pdf",
            ".py",
            ".sh",
            ".toml",
        ),
        *(".tsv", ".txt", ".xml", ".yaml", ".yml"),
        *(".7z", ".bz2", ".gz", ".rar", ".tar", ".tgz", ".xz", ".zip", ".zst"),
        *(".ckpt", ".h5", ".hdf5", ".mat", ".npy", ".npz", ".pickle", ".pkl", ".pt", ".pth"),
    }
)
"""Suffixes of files that are not examined: images, audio, text, archives, arrays."""

PROTOCOLS = "file,pipe"
"""Value of ffmpeg's `protocol_whitelist`: no network, no concatenation, no encryption layer."""

DEMUXERS = "asf,avi,dv,flv,gif,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mpeg,mpegts,mxf,nut,ogg,rm"
"""Value of ffmpeg's `format_whitelist`."""
