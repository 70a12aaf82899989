"""The transaction module: who pays whom for what, how it is told and shown."""
