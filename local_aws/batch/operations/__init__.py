"""Batch's operations: each takes a checked request and gives the answer's members."""
