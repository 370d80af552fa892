"""Finds out what became of events at Segment, and checks destinations before any event is sent."""
