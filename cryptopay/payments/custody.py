"""Custody in the books against the coins on chain: a rule that `check_ledger` proves beside the ledger's own."""

from ledger.checking import Invariant

# What the monitor told and the intake took in: of each deposit to an invoice's, a customer's or nobody's address, the
# last event up to the intake's position. What people enter by hand is no chain fact and is left out of the account,
# and so is what reconciliation took to suspense.
_HELD_IS_RECEIVED = """
    SELECT 'ledger_account', h.account_id, coalesce(c.book_id, h.book_id), h.account_id, NULL::bigint,
           format('%%s base units received on %%s', coalesce(c.coins, 0), coalesce(c.chain, h.chain)),
           format('%%s base units posted', coalesce(h.coins, 0))
    FROM (
        SELECT d.book_id, d.chain_code AS chain, d.contract, sum(d.base_units) AS coins
        FROM monitor_deposit d
        JOIN (
            SELECT watched_id FROM payments_paymentmethod UNION ALL SELECT watched_id FROM payments_customeraddress
            UNION ALL SELECT watched_id FROM payments_sharedaccount
        ) own ON own.watched_id = d.watched_id
        JOIN payments_intakeposition i ON i.chain_code = d.chain_code
        CROSS JOIN LATERAL (
            SELECT e.kind FROM monitor_chainevent e
            WHERE e.deposit_id = d.id AND e.id <= i.last_event_id ORDER BY e.id DESC LIMIT 1
        ) last
        WHERE last.kind = 'confirmed' AND (%(books)s::bigint[] IS NULL OR d.book_id = ANY (%(books)s::bigint[]))
        GROUP BY d.book_id, d.chain_code, d.contract
    ) c
    FULL JOIN (
        SELECT a.book_id, a.id AS account_id, s.chain, s.contract, sum(p.debit - p.credit) AS coins
        FROM account a
        JOIN ledger_asset s ON s.id = a.asset_id AND a.code = 'assets:custody:' || s.chain
        JOIN posting p ON p.book_id = a.book_id AND p.account_id = a.id AND p.layer = 0
        LEFT JOIN entry e ON e.book_id = p.book_id AND e.id = p.entry_id
        WHERE coalesce(e.source, '') NOT IN ('manual', 'reconciliation')
        GROUP BY a.book_id, a.id, s.chain, s.contract
    ) h ON h.book_id = c.book_id AND h.chain = c.chain AND h.contract = c.contract
    WHERE coalesce(c.coins, 0) <> coalesce(h.coins, 0)
"""

HELD_IS_RECEIVED = Invariant(
    10,
    "custody is on chain",
    "What chains' facts posted to a custody account is the sum of the deposits confirmed and not taken back.",
    (_HELD_IS_RECEIVED,),
)
