"""Doors: the shape of what comes in, status codes, dialects, headers, origins; every way in ends in an action."""
