"""Delivery of images to nodes: one-time tokens, sessions, and the registry that serves manifests and blobs."""
