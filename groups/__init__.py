"""What is made of images: container groups, their pulls, and their delivery to nodes."""
