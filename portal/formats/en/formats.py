"""Formats of times in the admin, all in UTC. Django reads the language's module before the settings."""

DATETIME_FORMAT = "j M Y, H:i"
DATE_FORMAT = "j M Y"
TIME_FORMAT = "H:i"
