"""Files that point at others: nothing is opened but the file itself, neither here nor by ffmpeg.

A listener counts who calls, and the file that is pointed at has another number of frames.
"""

import io
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from avme.errors import MediaError
from avme.media.container.probe import probe
from avme.media.decode import Recipe, decode
from avme.media.ffmpeg.args import transcode_arguments
from avme.media.ffmpeg.process import find_ffmpeg, transcode

MakeVideo = Callable[..., Path]

SECRET_FRAMES = 7
TEXTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n",
    "hls of a range": "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-BYTERANGE:9@0\n#EXTINF:1,\n"
    "{target}\n",
    "concat": "ffconcat version 1.0\nfile '{target}'\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period>'
    '<AdaptationSet><Representation id="1" mimeType="video/mp4"><BaseURL>{target}</BaseURL>'
    "</Representation></AdaptationSet></Period></MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video {port} RTP/AVP/TCP 96\na=rtpmap:96 H264/90000\n",
    "asx": '<asx version="3.0"><entry><ref href="{target}"/></entry></asx>',
    "real text link": "{target}\n",
    "wms reference": "[Reference]\nRef1={target}\nRef2={target}\n",
    "quicktime link": '<?xml version="1.0"?><?quicktime type="application/x-quicktime-media-link"?>'
    '<embed src="{target}" />',
}


class Listener:
    """Counts connections to a port of this machine."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen()
        self._socket.setblocking(False)

    @property
    def port(self) -> int:
        port: int = self._socket.getsockname()[1]
        return port

    @property
    def was_called(self) -> bool:
        try:
            self._socket.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory, make_video: MakeVideo) -> Path:
    options = ("-c:v", "libx264", "-c:a", "aac")
    path = tmp_path_factory.mktemp("secret") / "secret.mp4"
    return make_video(path, frames=SECRET_FRAMES, options=options)


def frames_of(path: Path, work: Path) -> int:
    work.mkdir(exist_ok=True)
    recipe = Recipe(find_ffmpeg(), 3, None, 13, -60.0, 20.0)
    return len(decode(path, io.BytesIO(), work=work, recipe=recipe).pts)


def test_listener_receives_a_request(listener: Listener) -> None:
    assert not listener.was_called
    socket.create_connection(("127.0.0.1", listener.port)).close()
    assert listener.was_called


@pytest.mark.parametrize("where", ["file", "relative", "address"])
@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.slow
def test_reference_to_another_file_is_not_followed(
    tmp_path: Path, secret: Path, listener: Listener, kind: str, where: str
) -> None:
    target = {
        "file": str(secret),
        "relative": secret.name,
        "address": f"http://127.0.0.1:{listener.port}/secret.mp4",
    }[where]
    (tmp_path / secret.name).write_bytes(secret.read_bytes())
    bait = tmp_path / "bait.avi"
    bait.write_text(TEXTS[kind].format(target=target, port=listener.port))
    arguments = transcode_arguments(
        find_ffmpeg(), bait, tmp_path / "out.nut", probe(secret), size=(48, 32), jpeg_quality=3
    )

    with pytest.raises(MediaError, match=r"bait\.avi") as caught:
        frames_of(bait, tmp_path / "work")
    with pytest.raises(MediaError):
        transcode(arguments, timeout_seconds=20.0)

    assert caught.value.reason == "unreadable"
    assert not listener.was_called
    assert not (tmp_path / "out.nut").exists()


def test_playlist_in_subtitles_of_an_avi_is_not_followed(
    tmp_path: Path, make_video: MakeVideo, secret: Path, listener: Listener
) -> None:
    clip = make_video(tmp_path / "bait.avi", frames=4)
    playlist = TEXTS["hls"].format(target=f"http://127.0.0.1:{listener.port}/").encode()
    subtitles = b"GAB2\0\2\0" + struct.pack("<I", 2) + b"x\0" + b"\4\0"
    subtitles += struct.pack("<I", len(playlist)) + playlist
    clip.write_bytes(with_text_track(clip.read_bytes(), subtitles))

    num_frames = frames_of(clip, tmp_path / "work")

    assert num_frames == 4
    assert not listener.was_called


@pytest.mark.parametrize("kind", [b"url ", b"alis"])
def test_external_data_of_an_mp4_are_not_fetched(
    tmp_path: Path, make_video: MakeVideo, secret: Path, kind: bytes
) -> None:
    options = ("-c:v", "libx264", "-c:a", "aac")
    clip = make_video(tmp_path / "bait.mp4", frames=4, options=options)
    original = clip.read_bytes()
    assert original.index(b"mdat") < original.index(b"moov")  # so that no offset moves
    clip.write_bytes(with_reference(original, reference_to(secret, kind)))

    try:
        num_frames = frames_of(clip, tmp_path / "work")
    except MediaError:
        num_frames = 0

    assert num_frames in (0, 4)


@pytest.mark.parametrize(
    "name", ["clip_%03d.avi", "clip_*.avi", "concat:secret.mp4|secret.mp4", "data:text,x.avi"]
)
def test_file_name_is_no_pattern_and_no_protocol(
    tmp_path: Path, make_video: MakeVideo, secret: Path, name: str
) -> None:
    for other in ("clip_001.avi", "clip_000.avi", "secret.mp4"):
        (tmp_path / other).write_bytes(secret.read_bytes())
    clip = make_video(tmp_path / "plain.avi", frames=3).rename(tmp_path / name)

    assert frames_of(clip, tmp_path / "work") == 3


def with_text_track(avi: bytes, subtitles: bytes) -> bytes:
    """The AVI with a third stream, and `subtitles` as its only chunk."""
    header = bytearray(b"txts" + bytes(52))
    struct.pack_into("<II", header, 20, 1, 25)
    track = b"strl" + b"strh" + struct.pack("<I", len(header)) + header + b"strf" + bytes(4)
    track = b"LIST" + struct.pack("<I", len(track)) + track
    hdrl, movi = avi.index(b"hdrl"), avi.index(b"movi")
    length = struct.unpack_from("<I", avi, hdrl - 4)[0]
    end = hdrl + length
    chunk = b"02tx" + struct.pack("<I", len(subtitles)) + subtitles + bytes(len(subtitles) % 2)
    made = bytearray(avi[:end] + track + avi[end : movi + 4] + chunk + avi[movi + 4 :])
    struct.pack_into("<I", made, hdrl - 4, length + len(track))
    struct.pack_into("<I", made, made.index(b"avih") + 8 + 24, 3)
    at = made.index(b"movi") - 4
    struct.pack_into("<I", made, at, struct.unpack_from("<I", made, at)[0] + len(chunk))
    return bytes(made[: made.index(b"idx1")]) if b"idx1" in made else bytes(made)


def reference_to(target: Path, kind: bytes) -> bytes:
    """An entry of `dref` that names a file."""
    name = str(target).encode()
    if kind == b"url ":
        body = f"file://{target}".encode() + b"\0"
    else:
        name += b"\0" * (len(name) % 2)
        body = bytes(6) + bytes(4) + bytes([4]) + b"disk".ljust(27, b"\0") + bytes(12)
        body += bytes([len(target.name)]) + target.name.encode().ljust(63, b"\0") + bytes(16)
        body += struct.pack(">hh", 0, 1) + bytes(16)
        body += struct.pack(">hh", 2, len(name)) + name + struct.pack(">hh", -1, 0)
    return struct.pack(">I", 12 + len(body)) + kind + bytes(4) + body


def with_reference(mp4: bytes, entry: bytes) -> bytes:
    """The MP4 with the first track's own `url ` replaced by `entry`."""
    at = mp4.index(b"url ", mp4.index(b"dref")) - 4
    made = bytearray(mp4[:at] + entry + mp4[at + 12 :])
    longer = len(entry) - 12
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        size = made.index(box) - 4
        struct.pack_into(">I", made, size, struct.unpack_from(">I", made, size)[0] + longer)
    return bytes(made)
