"""How splunkd runs the programs that an app brings."""
