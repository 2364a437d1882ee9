"""What is shared but not stored: connections, events in flight, and how fast someone goes."""
