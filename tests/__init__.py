"""Tests of Recado: each room's tests mirror its files, `flows/` holds plays over real sockets."""
