"""The only rooms that know splunklib: the search command, the modular input, KV store, .conf files and secrets."""
