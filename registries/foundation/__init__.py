"""What all three apps build on: who acts, what is refused, ids, units. Imports nothing of the other rooms."""
