"""Bytes as an attacker sends them, and what comes back."""

from socket import create_connection

PATIENCE_SECONDS = 20.0


def said(port: int, data: bytes, *, source: str = "127.0.0.1") -> bytes:
    """Send bytes, which must ask for the end of the connection, and read to that end."""
    with create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS, source_address=(source, 0)) as connection:
        connection.sendall(data)
        received = b""
        while piece := connection.recv(65_536):
            received += piece
        return received
