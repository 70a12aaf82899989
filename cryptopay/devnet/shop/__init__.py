"""The demo shop: a web process of its own that integrates CryptoPay as a stranger would.

It talks REST with its API key, hears by webhook how its invoices stand, and knows nothing of the application's models.
Beside that it plays its own customer: it pays from the development node's funds and mines. Never near real money.
"""
