"""Benchmarks: `python -m tests.benchmarks [NAME…]`, one JSON line a figure.

A benchmark is a module of this package with a function `measure(plan: Plan) -> Iterator[Figure]`; its name is the
module's. Nothing else has to know of it.
"""
