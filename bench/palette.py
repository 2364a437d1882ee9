"""PNG with a palette: a page of few colours is a third as large so, and no library is needed for it."""

import struct
import zlib
from collections import Counter
from collections.abc import Sequence

COLOURS = 256


def pixels_of(png: bytes) -> tuple[int, int, list[bytes]]:
    """Width, height and the rows (RGB) of what a browser takes: 8 bits, RGB or RGBA, not interlaced."""
    width, height, _depth, kind = struct.unpack_from(">IIBB", png, 16)
    size = {2: 3, 6: 4}[kind]
    data, at = bytearray(), 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += length + 12
    flat = zlib.decompress(bytes(data))
    stride = width * size
    rows, above = [], bytearray(stride)
    for row in range(height):
        start = row * (stride + 1)
        above = _unfiltered(flat[start], bytearray(flat[start + 1 : start + 1 + stride]), above, size)
        rows.append(bytes(above) if size == 3 else _without_alpha(above))
    return width, height, rows


def _without_alpha(row: bytearray) -> bytes:
    kept = bytearray(len(row) // 4 * 3)
    for part in range(3):
        kept[part::3] = row[part::4]
    return bytes(kept)


def _unfiltered(kind: int, row: bytearray, above: bytearray, size: int) -> bytearray:
    """PNG, 9.2: each byte is told as its distance from what is left of it and above."""
    for at in range(len(row) if kind else 0):
        left = row[at - size] if at >= size else 0
        corner = above[at - size] if at >= size else 0
        guess = (0, left, above[at], (left + above[at]) // 2, _paeth(left, above[at], corner))[kind]
        row[at] = (row[at] + guess) & 255
    return row


def _paeth(left: int, above: int, corner: int) -> int:
    whole = left + above - corner
    return min((left, above, corner), key=lambda one: abs(whole - one))


def with_palette(png: bytes) -> bytes:
    """The same picture in at most 256 colours: the most frequent ones, and for each other the nearest of them."""
    width, height, rows = pixels_of(png)
    counted = Counter(row[at : at + 3] for row in rows for at in range(0, len(row), 3))
    kept = spread([colour for colour, _ in counted.most_common()], COLOURS)
    number = {colour: _nearest(colour, kept) for colour in counted}
    lines = b"".join(b"\0" + bytes(number[row[at : at + 3]] for at in range(0, len(row), 3)) for row in rows)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", b"".join(kept)),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in parts)


def spread(colours: Sequence[bytes], most: int) -> list[bytes]:
    """So many of these, the most frequent first: a quarter as they are, and of others that are near only one."""
    apart = 0
    kept = list(colours)
    while len(kept) > most:
        apart += 3
        kept = list(colours[: most // 4])
        for colour in colours[most // 4 :]:
            if len(kept) > most:
                break
            if all(_distance(colour, one) > apart for one in kept):
                kept.append(colour)
    return kept


def _distance(one: bytes, other: bytes) -> int:
    return abs(one[0] - other[0]) + abs(one[1] - other[1]) + abs(one[2] - other[2])


def _nearest(colour: bytes, kept: Sequence[bytes]) -> int:
    return min(range(len(kept)), key=lambda at: _distance(colour, kept[at]))


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
