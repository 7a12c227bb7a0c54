"""Pipelines as data, and the execution of one step."""
