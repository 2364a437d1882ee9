"""The rules of the checker: each a question to the facts, its answer the faults."""
