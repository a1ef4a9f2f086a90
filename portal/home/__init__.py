"""Overview and search, and the addresses of the portal's own pages."""
