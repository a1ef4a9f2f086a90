"""The reference node: it enrols, polls, fetches and runs instances, and reports. It talks to the portal over HTTP and
imports nothing else of the project, so that it also documents what a node has to do."""
