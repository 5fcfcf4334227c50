"""JPEG files to arrays: the decoder's own pixels, at the size that was asked for."""

import tracemalloc

import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray

from avme.shards.jpeg import declared_size, decode, require_possible


def files(height: int, width: int, count: int = 3) -> list[NDArray[np.uint8]]:
    generator = np.random.default_rng(0)
    pictures = generator.integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    return [np.frombuffer(simplejpeg.encode_jpeg(each), dtype=np.uint8) for each in pictures]


def test_decode_gives_the_frames_of_a_decoder_in_order() -> None:
    made = files(31, 45)

    pictures = decode(made, height=31, width=45)

    expected = np.stack([simplejpeg.decode_jpeg(file, "RGB") for file in made])
    assert np.array_equal(pictures, expected)


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
@pytest.mark.parametrize(("height", "width"), [(240, 320), (241, 321), (247, 328), (9, 17)])
def test_sizes_that_do_not_divide_are_rounded_up(height: int, width: int, factor: int) -> None:
    pictures = decode(files(height, width), height=height, width=width, factor=factor)

    assert pictures.shape == (3, -(-height // factor), -(-width // factor), 3)


@pytest.mark.parametrize(("height", "width"), [(30, 45), (31, 44), (32, 45), (31, 90)])
def test_decode_of_size_other_than_the_index_is_refused(height: int, width: int) -> None:
    with pytest.raises(ValueError, match=r"31|buffer"):
        decode(files(height, width), height=31, width=45)


def test_decode_of_damaged_jpeg_is_refused() -> None:
    broken = files(31, 45)
    broken[1] = broken[1][: len(broken[1]) // 2]

    with pytest.raises(ValueError, match=r"\w"):
        decode(broken, height=31, width=45)


def declare(file: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """The file with another size in its header."""
    content = bytearray(file.tobytes())
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return np.frombuffer(bytes(content), np.uint8)


def test_declared_size_is_known_before_decoding() -> None:
    (file,) = files(31, 45, 1)

    assert declared_size(file) == (31, 45)
    assert declared_size(declare(file, 65500, 65499)) == (65500, 65499)
    with pytest.raises(ValueError, match=r"\w"):
        declared_size(np.zeros(9, np.uint8))


def test_decode_of_larger_declared_size_is_refused_before_decoding() -> None:
    grown = [declare(file, 4000, 4000) for file in files(31, 45, 1)]
    tracemalloc.start()

    with pytest.raises(ValueError, match="buffer"):
        decode(grown, height=31, width=45)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize(("height", "width"), [(8193, 8192), (65500, 65500), (0, 45), (-31, -45)])
def test_require_possible_of_impossible_size_is_refused(height: int, width: int) -> None:
    with pytest.raises(ValueError, match="expected at most 67108864 pixels"):
        decode(files(31, 45), height=height, width=width)
    require_possible(8192, 8192)
