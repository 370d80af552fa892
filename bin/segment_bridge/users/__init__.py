"""The UserSignups and tenant namespaces of clusters become the user map."""
