"""Addresses."""

app_name = "nodes"
urlpatterns: list = []
