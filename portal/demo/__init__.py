"""What `make demo` adds: a sample image, a private registry that holds it, and the story of one group."""
