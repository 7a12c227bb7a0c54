"""Bytes under keys, with expiry, atomic batches and compare-and-set."""
