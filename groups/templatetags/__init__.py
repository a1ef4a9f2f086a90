"""Template tags of groups for pages of lower apps."""
