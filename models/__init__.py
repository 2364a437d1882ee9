"""Durable: the tables, every SQL statement, transactions and migrations; no plaintext, no permission."""
