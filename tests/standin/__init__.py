"""An embedded stand-in for splunkd: its REST API, its search, and its way of running an app's own programs."""
