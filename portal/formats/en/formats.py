"""How the admin writes times, all in UTC. Django asks the language's module before the settings."""

DATETIME_FORMAT = "j M Y, H:i"
DATE_FORMAT = "j M Y"
TIME_FORMAT = "H:i"
