"""A year of a merchant that is not: payments on six chains with all that goes wrong, and what an accountant does.

    market     the coins and how their prices move
    orders     what each of the merchant's customers does
    desk       refunds, sweeps to the cold wallet, sales of coins, rent: entries by hand
    seeding    writes it into an empty book, by the ledger's own verbs

The same seed is the same year.
"""
