"""Mirrors the source. A regular package, because an installed library brings a `tests` of its own."""
