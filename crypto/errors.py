"""What crypto refuses. No message ever carries a key, a token, a password or a plaintext.

`Tampered` and `UnknownKey` are about what is stored or in flight, `BadToken` is about what a caller shows,
`WeakKey` is about what an operator configured.
"""


class Tampered(Exception):
    """These bytes are not what was sealed for this place: changed, moved, or sealed with another key."""


class UnknownKey(Exception):
    """The ring holds no key of this id."""


class BadToken(Exception):
    """The token is malformed, forged, ended, or of another kind. The text is a reason, never the token."""


class WeakKey(ValueError):
    """A key or a ring that must not be used: short, guessable, doubled, or badly named."""
