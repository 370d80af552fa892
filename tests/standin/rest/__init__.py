"""splunkd's REST API."""
