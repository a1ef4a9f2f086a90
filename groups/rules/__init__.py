"""What is allowed, and what follows from what happened."""
