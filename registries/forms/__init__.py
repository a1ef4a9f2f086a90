"""Forms to add or change a credential."""
