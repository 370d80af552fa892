"""Rows become Segment messages, and messages get their outcomes."""
