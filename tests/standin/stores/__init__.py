"""What splunkd keeps on disk."""
