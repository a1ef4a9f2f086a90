"""Pages for operators inside the admin: what needs attention, queues and workers, what is stored."""
