"""What can be done to groups, images and checks, by people and programs alike; each action is one transaction."""
