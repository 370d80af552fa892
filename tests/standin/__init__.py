"""An embedded stand-in for splunkd: its REST API, its search, and how it runs an app's own programs."""
