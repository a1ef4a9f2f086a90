"""The list of tests that take more than 40 ms, with their time, which `make check` leaves out.

`python -m tests.slow` runs the tests and brings the list up to date.
"""
