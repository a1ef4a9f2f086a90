"""What happens to every HTTP request before and after its view."""
