"""Secret: bytes in, bytes out. Hash, seal, sign, derive, verify; no clock, no files, no settings, no row."""
