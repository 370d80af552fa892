"""What became of events at Segment, and what can be known of a destination before any is sent."""
