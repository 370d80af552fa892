"""Connects the app to Splunk: commands, modular input, KV store, .conf files, secrets. Nothing else uses splunklib."""
