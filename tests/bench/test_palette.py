"""Pictures of the page: what a browser takes comes out with a palette, and looks as before."""

import struct
import zlib

from bench.palette import pixels_of, spread, with_palette


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(rows: list[tuple[int, bytes]], *, kind: int = 2) -> bytes:
    """A picture of these rows, each with its filter, as PNG has them."""
    width = len(rows[0][1]) // {2: 3, 6: 4}[kind]
    head = struct.pack(">IIBBBBB", width, len(rows), 8, kind, 0, 0, 0)
    body = zlib.compress(b"".join(bytes([filtered]) + row for filtered, row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def painted(picture: bytes) -> list[bytes]:
    """The colours of a picture with a palette, row by row."""
    parts, at = {}, 8
    while at < len(picture):
        (length,) = struct.unpack_from(">I", picture, at)
        parts[picture[at + 4 : at + 8]] = picture[at + 8 : at + 8 + length]
        at += length + 12
    width = struct.unpack(">I", parts[b"IHDR"][:4])[0]
    flat, palette = zlib.decompress(parts[b"IDAT"]), parts[b"PLTE"]
    lines = [flat[start + 1 : start + 1 + width] for start in range(0, len(flat), width + 1)]
    return [b"".join(palette[3 * one : 3 * one + 3] for one in line) for line in lines]


def test_every_filter_of_png_is_undone():
    first = bytes([10, 20, 30, 40, 50, 60])
    for filtered, row in (
        (0, bytes([11, 22, 33, 44, 55, 66])),
        (1, bytes([11, 22, 33, 33, 33, 33])),
        (2, bytes([1, 2, 3, 4, 5, 6])),
        (3, bytes([6, 12, 18, 19, 19, 20])),
        (4, bytes([1, 2, 3, 4, 5, 6])),
    ):
        assert pixels_of(png([(0, first), (filtered, row)])) == (2, 2, [first, bytes([11, 22, 33, 44, 55, 66])])


def test_what_is_transparent_is_left_out():
    assert pixels_of(png([(0, bytes([1, 2, 3, 255, 4, 5, 6, 255]))], kind=6)) == (2, 1, [bytes([1, 2, 3, 4, 5, 6])])


def test_a_picture_of_few_colours_stays_as_it_is():
    rows = [bytes([1, 2, 3, 200, 100, 50]), bytes([200, 100, 50, 9, 9, 9])]
    assert painted(with_palette(png([(0, row) for row in rows]))) == rows


def test_of_too_many_colours_the_frequent_ones_stay_and_the_rest_are_near():
    frequent = bytes([250, 250, 250]) * 400
    rare = b"".join(bytes([at, at // 2, 10]) for at in range(200)) + b"".join(bytes([10, at, at]) for at in range(200))
    before = [frequent, rare]
    after = painted(with_palette(png([(0, row) for row in before])))
    assert after[0] == frequent
    assert len({after[1][at : at + 3] for at in range(0, len(rare), 3)}) <= 255
    assert max(abs(one - other) for one, other in zip(rare, after[1], strict=True)) < 24
    assert spread([b"abc", b"abd", b"xyz"], 2) == [b"abc", b"xyz"]
