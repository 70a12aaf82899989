"""The local stage: embedded PostgreSQL, Valkey and development nodes, for `make run` and as test fixtures.

Owns no tables and imports no models, so it runs before Django is set up. Imported by its own commands and by tests
alone.
"""
