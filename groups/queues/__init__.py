"""The queues in Redis: what is put on them, how workers take it, and which workers there are."""
