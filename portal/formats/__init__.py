"""Formats by language, where Django looks for them."""
