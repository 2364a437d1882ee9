"""Joining the rooms: settings into values, secrets into rings, rings and rooms into a running server."""
