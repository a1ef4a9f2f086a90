"""Telling people and their programs what happened to a group, by e-mail and by signed webhooks."""
