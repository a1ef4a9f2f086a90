"""What members type to add or change a credential."""
