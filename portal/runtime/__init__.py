"""Starting and supervising the portal's processes on one machine."""
