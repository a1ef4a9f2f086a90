"""How an image reaches its node: one-time tokens, a manifest a node, and the registry that serves them."""
