"""What pages, API and metrics show, read from the database. Nothing here writes."""
