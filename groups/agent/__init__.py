"""The reference node: it joins, polls, fetches what it is given, and reports. It speaks HTTP and knows nothing else
of the project, so that it can be read as the description of what a node does."""
