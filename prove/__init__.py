"""The proof: clients that write to each other while everything behind them is killed, and a judge of what they saw."""
