"""Measurements: a load generator for a running server, the bare relay that is the limit, and all rows side by side."""
