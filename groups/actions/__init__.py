"""Actions on groups, images, checks and tokens, for people and programs alike. Each is one transaction."""
