"""What `segmentsend` is measured against: programs that take the same rows to the same endpoint."""
