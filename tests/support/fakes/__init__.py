"""Real servers in place of outside services, with settings for what can go wrong there."""
