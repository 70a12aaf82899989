"""Finds a row by whatever a person holds of it: a transaction id, an address, a number, a reference, an amount."""
