"""The programs that `segmentsend` is measured against. They send the same rows to the same endpoint."""
