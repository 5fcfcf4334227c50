"""Which files count as videos, and what may be opened to read one.

A file name proves nothing: a playlist named `clip.avi` asks the demuxer to open other files or
addresses. So every opener in this package is limited to the local file itself (`PROTOCOLS`) and to
demuxers of real containers (`DEMUXERS`), and playlists, scripts and image patterns fall through.
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
"""Endings, in lower case, under which videos are looked for."""

UNFINISHED_SUFFIXES = frozenset({".crdownload", ".download", ".part", ".partial", ".ytdl"})
"""Of downloads that were not completed, or are still running."""

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
"""Endings of files that are not looked into: pictures, sound, text, archives, arrays."""

PROTOCOLS = "file,pipe"
"""Value of ffmpeg's `protocol_whitelist`: no network, no concatenation, no encryption layer."""

DEMUXERS = "asf,avi,dv,flv,gif,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mpeg,mpegts,mxf,nut,ogg,rm"
"""Value of ffmpeg's `format_whitelist`."""
