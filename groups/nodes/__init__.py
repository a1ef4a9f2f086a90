"""The node API and its engine: enrolment, authentication, polls, scheduling, and the upkeep of instances."""
