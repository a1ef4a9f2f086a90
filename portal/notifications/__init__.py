"""Notifications about groups, by email and by signed webhooks."""
