"""The app's programs as processes, between fakes, with faults."""
