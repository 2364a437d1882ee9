"""Rules: one function for each thing a person may do; the only room that joins durable, live and secret."""
