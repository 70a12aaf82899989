"""Money, journal, accounts, balances and rates. Imports nothing of ours: it can be lifted out and used alone."""
