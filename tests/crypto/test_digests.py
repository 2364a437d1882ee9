"""SHA-256 in pieces, with the vector of FIPS 180-4."""

from crypto.digests import Digest


def test_pieces_give_what_the_whole_gives() -> None:
    digest = Digest()
    for piece in (b"a", b"", b"bc"):
        digest.add(piece)
    assert digest.size == 3
    assert digest.hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
