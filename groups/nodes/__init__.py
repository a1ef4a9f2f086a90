"""Nodes: how they join, how they are known, what each of them is given to do."""
