"""What requests and answers look like, under the names that the description of SaladCloud's public API gives them."""
