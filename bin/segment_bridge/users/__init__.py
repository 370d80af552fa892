"""Turns the UserSignups and tenant namespaces of clusters into the user map."""
