"""What is allowed, and what follows from a change: status transitions, quotas, replicas, events, wake-ups."""
