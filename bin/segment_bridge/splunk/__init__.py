"""The only package that knows splunklib: the search commands, the modular input, KV store, .conf files and secrets."""
