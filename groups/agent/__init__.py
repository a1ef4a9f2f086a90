"""The reference node."""
