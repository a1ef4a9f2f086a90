"""What `make demo` adds: a sample image, a private registry that serves it, and a walk-through of one group."""
