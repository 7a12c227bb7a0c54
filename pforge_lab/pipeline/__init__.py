"""Pipelines: what they are, where they come from, and how one step of them executes.

Knows nothing of runs, of stores, or of notebooks.
"""
