"""Pages of container groups."""
