"""The database's clock decides every limit: all tests here run with the application's an hour behind and an hour ahead.

That of the database stays as it is. Rows are put a second before and after a limit by `database_now()`.
"""
