"""Changes the critical modules one place at a time and reports which changes no test notices.

Cosmic Ray makes the mutants and keeps the session; `operators` adds those that it lacks. `python -m tests.mutants`
lists mutants (`listing`), chooses the tests that reach each (`reach`) and runs them against it (`runner`).
"""
