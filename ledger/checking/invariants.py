"""What holds in sound books, each with the queries that find what breaks it. `ledger.checking` tells their shape."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Invariant:
    """`queries` find nothing in sound books; each gives table, id, book, account, entry, expected, found."""

    number: int
    name: str
    statement: str
    queries: tuple[str, ...]


_LEGS_AS_SAID = """
    SELECT 'ledger_journalentry', e.id, e.book_id, NULL::bigint, e.id, format('legs 1 to %%s', e.legs),
           format('%%s legs, %%s to %%s', count(p.id), min(p.leg), max(p.leg))
    FROM recent e LEFT JOIN posting p ON p.book_id = e.book_id AND p.entry_id = e.id
    GROUP BY e.id, e.book_id, e.legs
    HAVING (count(p.id), min(p.leg), max(p.leg)) IS DISTINCT FROM (e.legs::bigint, 1, e.legs) OR e.legs < 2
"""
_DEBITS_AND_CREDITS = """
    SELECT 'ledger_journalentry', e.id, e.book_id, NULL::bigint, e.id,
           format('debits equal to credits in asset %%s', p.asset_id),
           format('debits %%s, credits %%s in %%s legs', sum(p.debit), sum(p.credit), count(*))
    FROM recent e JOIN posting p ON p.book_id = e.book_id AND p.entry_id = e.id
    GROUP BY e.id, e.book_id, p.asset_id, p.layer = 0
    HAVING sum(p.debit) <> sum(p.credit) OR count(*) < 2
"""
_BALANCE_IS_THE_SUM = """
    SELECT 'ledger_balance', b.id, a.book_id, a.id, NULL::bigint,
           format('posted %%s, pending in %%s, pending out %%s', x.posted, x.pending_in, x.pending_out),
           coalesce(
               'posted ' || b.posted || ', pending in ' || b.pending_in || ', pending out ' || b.pending_out,
               'no balance')
    FROM account a
    LEFT JOIN balance b ON b.book_id = a.book_id AND b.account_id = a.id
    LEFT JOIN (
        SELECT book_id, account_id,
               sum(debit) FILTER (WHERE layer = 0) AS debit, sum(credit) FILTER (WHERE layer = 0) AS credit,
               sum(debit) FILTER (WHERE layer = 1) AS debit_in, sum(credit) FILTER (WHERE layer = 1) AS credit_in,
               sum(debit) FILTER (WHERE layer = 2) AS debit_out, sum(credit) FILTER (WHERE layer = 2) AS credit_out
        FROM posting GROUP BY book_id, account_id
    ) s ON s.book_id = a.book_id AND s.account_id = a.id
    CROSS JOIN LATERAL (
        SELECT coalesce(ledger_change(a.kind, 0::smallint, s.debit, s.credit), 0) AS posted,
               coalesce(ledger_change(a.kind, 1::smallint, s.debit_in, s.credit_in), 0) AS pending_in,
               coalesce(ledger_change(a.kind, 2::smallint, s.debit_out, s.credit_out), 0) AS pending_out
    ) x
    WHERE (b.posted, b.pending_in, b.pending_out) IS DISTINCT FROM (x.posted, x.pending_in, x.pending_out)
"""
_NO_GAP = """
    SELECT 'ledger_posting', x.id, x.book_id, x.account_id, x.entry_id,
           format('account_seq %%s', coalesce(x.before + 1, x.first)), format('account_seq %%s', x.account_seq)
    FROM (
        SELECT id, book_id, account_id, entry_id, account_seq, first,
               lag(account_seq) OVER (PARTITION BY book_id, account_id ORDER BY account_seq) AS before
        FROM run
    ) x
    WHERE x.account_seq <> coalesce(x.before + 1, x.first)
"""
_AS_MANY_AS_COUNTED = """
    SELECT 'ledger_balance', b.id, b.book_id, b.account_id, NULL::bigint,
           format('%%s postings, the last one numbered so', b.seq),
           format('%%s postings, the last one numbered %%s', coalesce(s.postings, 0), coalesce(s.last, 0))
    FROM balance b
    LEFT JOIN (
        SELECT book_id, account_id, count(*) AS postings, max(account_seq) AS last
        FROM posting GROUP BY book_id, account_id
    ) s ON s.book_id = b.book_id AND s.account_id = b.account_id
    WHERE b.seq <> coalesce(s.postings, 0) OR b.seq <> coalesce(s.last, 0)
"""
_RUNNING_SUM = """
    SELECT 'ledger_posting', x.id, x.book_id, x.account_id, x.entry_id,
           format('balance_after %%s', coalesce(x.before, 0) + x.change), format('balance_after %%s', x.balance_after)
    FROM (
        SELECT r.id, r.book_id, r.account_id, r.entry_id, r.balance_after,
               ledger_change(a.kind, r.layer, r.debit, r.credit) AS change,
               lag(r.balance_after) OVER (
                   PARTITION BY r.book_id, r.account_id, r.layer ORDER BY r.account_seq) AS before
        FROM run r JOIN account a ON a.book_id = r.book_id AND a.id = r.account_id
    ) x
    WHERE x.balance_after <> coalesce(x.before, 0) + x.change
      AND (%(since)s::timestamptz IS NULL OR x.before IS NOT NULL)
"""
# Where the running sum is not followed from its beginning, its end must be the balance.
_RUNNING_SUM_ENDS = """
    SELECT 'ledger_posting', x.id, x.book_id, x.account_id, x.entry_id,
           format('balance_after %%s', x.balance), format('balance_after %%s', x.balance_after)
    FROM (
        SELECT DISTINCT ON (r.book_id, r.account_id, r.layer)
               r.id, r.book_id, r.account_id, r.entry_id, r.balance_after,
               CASE r.layer WHEN 0 THEN b.posted WHEN 1 THEN b.pending_in ELSE b.pending_out END AS balance
        FROM run r JOIN balance b ON b.book_id = r.book_id AND b.account_id = r.account_id
        WHERE %(since)s::timestamptz IS NOT NULL
        ORDER BY r.book_id, r.account_id, r.layer, r.account_seq DESC
    ) x
    WHERE x.balance_after <> x.balance
"""
_DAYS_ARE_THE_SUM = """
    SELECT CASE WHEN d.id < 0 THEN 'ledger_balance' ELSE 'ledger_accountday' END, abs(d.id),
           coalesce(d.book_id, s.book_id), coalesce(d.account_id, s.account_id),
           NULL::bigint,
           format('debits %%s, credits %%s on %%s', coalesce(s.debit, 0), coalesce(s.credit, 0),
               coalesce(d.day, s.day)),
           coalesce('debits ' || d.debit || ', credits ' || d.credit, 'no day')
    FROM (
        SELECT max(id) AS id, book_id, account_id, day, sum(debit) AS debit, sum(credit) AS credit
        FROM account_day GROUP BY book_id, account_id, day
    ) d
    FULL JOIN (
        SELECT book_id, account_id, (effective_at AT TIME ZONE 'UTC')::date AS day,
               sum(debit) AS debit, sum(credit) AS credit
        FROM posting WHERE layer = 0 GROUP BY 1, 2, 3
    ) s ON s.book_id = d.book_id AND s.account_id = d.account_id AND s.day = d.day
    WHERE (d.debit, d.credit) IS DISTINCT FROM (s.debit, s.credit)
"""
_RESOLVED_ONCE = """
    SELECT 'ledger_journalentry', max(e.id), e.book_id, NULL::bigint, max(e.id),
           format('entry %%s resolved once', e.ref_id), format('%%s times', count(*))
    FROM entry e WHERE e.kind IN (3, 4, 5) GROUP BY e.book_id, e.ref_id, e.kind = 5 HAVING count(*) > 1
"""
_RESOLVES_WHAT_MAY_BE = """
    SELECT 'ledger_journalentry', e.id, e.book_id, NULL::bigint, e.id,
           CASE WHEN e.kind IN (3, 4) THEN 'a ref to a pending entry of this book'
                WHEN e.kind = 5 THEN 'a ref to a posted entry of this book'
                ELSE 'kind 1 to 5, and no ref for 1 and 2' END,
           format('kind %%s, ref %%s of kind %%s', e.kind, e.ref_id, r.kind)
    FROM recent e LEFT JOIN entry r ON r.book_id = e.book_id AND r.id = e.ref_id
    WHERE NOT CASE WHEN e.kind IN (1, 2) THEN e.ref_id IS NULL
                   WHEN e.kind IN (3, 4) THEN coalesce(r.kind = 2, false)
                   ELSE e.kind = 5 AND coalesce(r.kind IN (1, 3), false) END
"""
_RESOLUTIONS_MIRROR = """
    SELECT 'ledger_journalentry', coalesce(x.id, y.id), coalesce(x.book_id, y.book_id), NULL::bigint,
           coalesce(x.id, y.id),
           coalesce(format('leg %%s: account %%s, layer %%s, debit %%s, credit %%s',
               x.leg, x.account_id, x.layer, x.debit, x.credit), 'no leg ' || y.leg),
           coalesce(format('leg %%s: account %%s, layer %%s, debit %%s, credit %%s',
               y.leg, y.account_id, y.layer, y.debit, y.credit), 'no leg ' || x.leg)
    FROM (
        SELECT e.book_id, e.id, row_number() OVER (PARTITION BY e.book_id, e.id ORDER BY side.part, p.leg) AS leg,
               p.account_id, p.asset_id, side.layer, side.debit, side.credit
        FROM recent e
        JOIN posting p ON p.book_id = e.book_id AND p.entry_id = e.ref_id AND (e.kind <> 5 OR p.layer = 0)
        CROSS JOIN LATERAL (
            SELECT 1 AS part, p.layer, p.credit AS debit, p.debit AS credit
            UNION ALL
            SELECT 2, 0::smallint, p.debit, p.credit WHERE e.kind = 3
        ) side
        WHERE e.kind IN (3, 4, 5)
    ) x
    FULL JOIN (
        SELECT e.book_id, e.id, p.leg, p.account_id, p.asset_id, p.layer, p.debit, p.credit
        FROM recent e JOIN posting p ON p.book_id = e.book_id AND p.entry_id = e.id
        WHERE e.kind IN (3, 4, 5)
    ) y ON y.book_id = x.book_id AND y.id = x.id AND y.leg = x.leg
    WHERE (x.account_id, x.asset_id, x.layer, x.debit, x.credit)
        IS DISTINCT FROM (y.account_id, y.asset_id, y.layer, y.debit, y.credit)
"""
# A left join, so that a planner without statistics does not pair all entries of a book with all its accounts first.
_LAYER_BY_KIND = """
    SELECT 'ledger_posting', p.id, p.book_id, p.account_id, p.entry_id,
           format('layer %%s', ledger_layer(e.kind, a.kind, p.debit)), format('layer %%s', p.layer)
    FROM recent e
    JOIN posting p ON p.book_id = e.book_id AND p.entry_id = e.id
    LEFT JOIN account a ON a.book_id = p.book_id AND a.id = p.account_id
    WHERE e.kind IN (1, 2) AND p.layer <> ledger_layer(e.kind, a.kind, p.debit)
"""
_ENDS_OF_POSTINGS = """
    SELECT 'ledger_posting', p.id, p.book_id, p.account_id, p.entry_id,
           format('book %%s, asset %%s, effective at %%s', p.book_id, p.asset_id, p.effective_at AT TIME ZONE 'UTC'),
           format('entry of book %%s effective at %%s, account of book %%s in asset %%s',
               e.book_id, e.effective_at AT TIME ZONE 'UTC', a.book_id, a.asset_id)
    FROM posting p
    LEFT JOIN ledger_journalentry e ON e.id = p.entry_id
    LEFT JOIN ledger_account a ON a.id = p.account_id
    WHERE (%(since)s::timestamptz IS NULL OR e.recorded_at >= %(since)s::timestamptz OR e.id IS NULL)
      AND (e.book_id, e.effective_at, a.book_id, a.asset_id)
          IS DISTINCT FROM (p.book_id, p.effective_at, p.book_id, p.asset_id)
"""
_ENDS_OF_BALANCES = """
    SELECT 'ledger_balance', b.id, b.book_id, b.account_id, NULL::bigint,
           format('the account''s book %%s, asset %%s, kind %%s, closed %%s and floor %%s, kept',
               a.book_id, a.asset_id, a.kind, a.closed_at IS NOT NULL, a.floor),
           format('book %%s, asset %%s, raised by debits %%s, closed %%s, floor %%s, posted %%s, pending out %%s',
               b.book_id, b.asset_id, b.debit_normal, b.closed, b.floor, b.posted, b.pending_out)
    FROM balance b LEFT JOIN ledger_account a ON a.id = b.account_id
    WHERE (a.book_id, a.asset_id, a.kind IN ('A', 'X'), a.closed_at IS NOT NULL, a.floor)
            IS DISTINCT FROM (b.book_id, b.asset_id, b.debit_normal, b.closed, b.floor)
        OR b.posted - b.pending_out < b.floor
"""
_ENDS_OF_ENTRIES_AND_ACCOUNTS = """
    SELECT 'ledger_journalentry', e.id, e.book_id, NULL::bigint, e.id, 'a known book and rate',
           format('book %%s, rate %%s', e.book_id, e.rate_id)
    FROM recent e LEFT JOIN ledger_book b ON b.id = e.book_id LEFT JOIN ledger_rate r ON r.id = e.rate_id
    WHERE b.id IS NULL OR e.rate_id IS NOT NULL AND (r.id IS NULL OR r.book_id <> e.book_id)
    UNION ALL
    SELECT 'ledger_journalentry', e.id, e.book_id, NULL, e.id,
           format('txid %%s, invoice %%s, order %%s', e.meta ->> 'txid', e.meta ->> 'invoice', e.meta ->> 'order'),
           format('txid %%s, invoice %%s, order %%s', e.txid, e.invoice_ref, e.order_ref)
    FROM recent e
    WHERE (e.txid, e.invoice_ref, e.order_ref)
        IS DISTINCT FROM (e.meta ->> 'txid', e.meta ->> 'invoice', e.meta ->> 'order')
    UNION ALL
    SELECT 'ledger_account', a.id, a.book_id, a.id, NULL, 'a known book and asset',
           format('book %%s, asset %%s', a.book_id, a.asset_id)
    FROM account a LEFT JOIN ledger_book b ON b.id = a.book_id LEFT JOIN ledger_asset s ON s.id = a.asset_id
    WHERE b.id IS NULL OR s.id IS NULL
    UNION ALL
    SELECT 'ledger_block', b.id, b.book_id, NULL, NULL, 'a known book', format('book %%s', b.book_id)
    FROM block b LEFT JOIN ledger_book k ON k.id = b.book_id WHERE k.id IS NULL
"""
# The hash is of the moment it was asked for; what was carried into an open period keeps that in meta. The moment is
# put together from its parts, so that other text under that name is no error; it is at most the carried one.
_HASH_OF_THE_CONTENTS = r"""
    SELECT 'ledger_journalentry', x.id, x.book_id, NULL::bigint, x.id,
           format('idem_hash %%s', encode(x.hash, 'hex')), format('idem_hash %%s', encode(x.idem_hash, 'hex'))
    FROM (
        SELECT e.id, e.book_id, e.idem_hash,
               ledger_idem_hash(e.kind, e.ref_id, e.effective_at, l.legs, e.source) AS hash,
               CASE WHEN h.at < e.effective_at AND date_trunc('day', e.effective_at, 'UTC') = e.effective_at
                    THEN ledger_idem_hash(e.kind, e.ref_id, h.at, l.legs, e.source) END AS carried
        FROM recent e
        LEFT JOIN (
            SELECT p.book_id, p.entry_id, concat(
                array_agg(p.account_id ORDER BY p.leg), array_agg(p.debit ORDER BY p.leg),
                array_agg(p.credit ORDER BY p.leg)) AS legs
            FROM recent e JOIN posting p ON p.book_id = e.book_id AND p.entry_id = e.id
            WHERE e.kind IN (1, 2) GROUP BY p.book_id, p.entry_id
        ) l ON l.book_id = e.book_id AND l.entry_id = e.id
        CROSS JOIN LATERAL (
            SELECT CASE WHEN e.meta ->> 'happened_at' ~
                '^[1-9]\d{3}-(0[1-9]|1[012])-([012]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?$'
            THEN (
                make_date(substr(e.meta ->> 'happened_at', 1, 4)::integer,
                          substr(e.meta ->> 'happened_at', 6, 2)::integer, 1)
                + (substr(e.meta ->> 'happened_at', 9, 2)::integer - 1)
                + substr(e.meta ->> 'happened_at', 12)::interval
            ) AT TIME ZONE 'UTC' END AS at
        ) h
    ) x
    WHERE x.idem_hash <> x.hash AND x.idem_hash IS DISTINCT FROM x.carried
"""
_BLOCKS_LINK = """
    SELECT 'ledger_block', x.id, x.book_id, NULL::bigint, NULL::bigint,
           format('block %%s behind %%s', coalesce(x.number_before, 0) + 1, coalesce(encode(x.hash_before, 'hex'), '')),
           format('block %%s behind %%s', x.number, encode(x.previous, 'hex'))
    FROM (
        SELECT b.*, lag(number) OVER w AS number_before, lag(hash) OVER w AS hash_before
        FROM block b WINDOW w AS (PARTITION BY book_id ORDER BY number)
    ) x
    WHERE (x.number, x.previous)
        IS DISTINCT FROM (coalesce(x.number_before, 0) + 1, coalesce(x.hash_before, ''))
"""
_BLOCKS_TILE = """
    SELECT 'ledger_block', x.id, x.book_id, NULL::bigint, NULL::bigint,
           format('transactions from %%s on server %%s', coalesce(x.before, '0'), x.node),
           format('%%s to %%s', x.from_xid, x.upto_xid)
    FROM (
        SELECT b.*, lag(upto_xid) OVER (PARTITION BY book_id, node ORDER BY from_xid, id) AS before FROM block b
    ) x
    WHERE x.from_xid <> coalesce(x.before, '0') OR x.upto_xid <= x.from_xid
"""
_BLOCKS_RECOMPUTE = """
    SELECT 'ledger_block', b.id, b.book_id, NULL::bigint, NULL::bigint,
           format('%%s entries, sha256 %%s', b.entries, encode(b.hash, 'hex')),
           format('%%s entries, sha256 %%s', (
               SELECT count(*) FROM ledger_journalentry e
               WHERE e.book_id = b.book_id AND e.node = b.node AND e.xid >= b.from_xid AND e.xid < b.upto_xid
           ), encode(ledger_block_hash(b), 'hex'))
    FROM ledger_block b
    WHERE (%(books)s::bigint[] IS NULL OR b.book_id = ANY (%(books)s::bigint[]))
      AND (%(since)s::timestamptz IS NULL OR b.sealed_at >= %(since)s::timestamptz)
      AND b.hash IS DISTINCT FROM ledger_block_hash(b)
"""
_SEALED_IN_TIME = """
    SELECT 'ledger_journalentry', e.id, e.book_id, NULL::bigint, e.id, 'sealed within an hour',
           format('recorded at %%s and in no block', e.recorded_at AT TIME ZONE 'UTC')
    FROM entry e
    LEFT JOIN (
        SELECT book_id, node, max(upto_xid) AS upto FROM block GROUP BY book_id, node
    ) h ON h.book_id = e.book_id AND h.node = e.node
    WHERE e.xid >= coalesce(h.upto, '0') AND e.recorded_at < now() - interval '1 hour'
"""
# Exact to the microsecond: an entry's stamp and a change's are both taken behind the lock that keeps them apart.
_CLOSED_IS_CLOSED = """
    SELECT 'ledger_journalentry', e.id, e.book_id, NULL::bigint, e.id,
           format('effective after %%s, closed at %%s', c.closed_through, c.recorded_at AT TIME ZONE 'UTC'),
           format('effective at %%s, recorded at %%s',
               e.effective_at AT TIME ZONE 'UTC', e.recorded_at AT TIME ZONE 'UTC')
    FROM (
        SELECT book_id, closed_through, recorded_at, min(recorded_at) OVER (
            PARTITION BY book_id ORDER BY id ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS until
        FROM period_change
    ) c
    JOIN recent e ON e.book_id = c.book_id AND e.recorded_at > c.recorded_at
        AND e.effective_at < (c.closed_through + 1)::timestamp AT TIME ZONE 'UTC'
    WHERE c.until IS NULL OR e.recorded_at < c.until
"""
_TWO_PEOPLE = """
    SELECT 'ledger_periodchange', c.id, c.book_id, NULL::bigint, NULL::bigint,
           'two people, a reason, and days that were over',
           format('asked by "%%s", approved by "%%s", reason "%%s", closed through %%s at %%s',
               c.asked_by, c.approved_by, c.reason, c.closed_through, c.recorded_at AT TIME ZONE 'UTC')
    FROM period_change c
    WHERE lower(trim(c.asked_by)) = lower(trim(c.approved_by)) OR '' IN (c.asked_by, c.approved_by, c.reason)
       OR c.closed_through >= (c.recorded_at AT TIME ZONE 'UTC')::date
    UNION ALL
    SELECT 'ledger_decision', d.id, d.book_id, NULL, d.entry_id, 'another person than who asked in this book',
           format('book %%s, asked by "%%s", decided by "%%s"', p.book_id, p.asked_by, d.decided_by)
    FROM ledger_decision d LEFT JOIN ledger_proposal p ON p.id = d.proposal_id
    WHERE (%(books)s::bigint[] IS NULL OR d.book_id = ANY (%(books)s::bigint[]))
      AND (p.book_id IS DISTINCT FROM d.book_id OR d.decided_by = ''
           OR lower(trim(p.asked_by)) = lower(trim(d.decided_by)))
"""
# From one zero to the next, in order of dates; what does not end lasts until now.
_CLEARED_IN_TIME = """
    SELECT 'ledger_posting', x.id, x.book_id, x.account_id, x.entry_id,
           format('at zero within %%s days of %%s', x.days, x.began AT TIME ZONE 'UTC'),
           coalesce('at zero again at ' || (x.ended AT TIME ZONE 'UTC'), 'not yet at zero')
    FROM (
        SELECT s.book_id, s.account_id, s.days, s.zeros,
               min(s.effective_at) AS began, min(s.effective_at) FILTER (WHERE s.sum = 0) AS ended,
               (array_agg(s.id ORDER BY s.effective_at, s.account_seq))[1] AS id,
               (array_agg(s.entry_id ORDER BY s.effective_at, s.account_seq))[1] AS entry_id
        FROM (
            SELECT r.*, count(*) FILTER (WHERE r.sum = 0) OVER (
                PARTITION BY r.book_id, r.account_id ORDER BY r.effective_at, r.account_seq
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS zeros
            FROM (
                SELECT p.id, p.book_id, p.account_id, p.entry_id, p.effective_at, p.account_seq,
                       a.clears_within_days AS days,
                       sum(p.debit - p.credit) OVER (
                           PARTITION BY p.book_id, p.account_id ORDER BY p.effective_at, p.account_seq) AS sum
                FROM account a JOIN posting p ON p.book_id = a.book_id AND p.account_id = a.id
                WHERE a.clears_within_days IS NOT NULL AND p.layer = 0
            ) r
        ) s
        GROUP BY s.book_id, s.account_id, s.days, s.zeros
    ) x
    WHERE coalesce(x.ended, now()) > x.began + make_interval(days => x.days)
"""

INVARIANTS = (
    Invariant(
        1,
        "debits equal credits",
        "Each entry has its legs 1..n, two at least; in each asset, posted and pending apart, debits equal credits.",
        (_LEGS_AS_SAID, _DEBITS_AND_CREDITS),
    ),
    Invariant(
        2,
        "balances are sums",
        "Each account has one balance: posted, pending in and pending out are the sums of its postings.",
        (_BALANCE_IS_THE_SUM,),
    ),
    Invariant(
        3,
        "postings are counted",
        "Each account's postings are numbered 1..n without a gap, and its balance knows n.",
        (_NO_GAP, _AS_MANY_AS_COUNTED),
    ),
    Invariant(
        4,
        "running balances run",
        "Each posting's balance_after is the one before it in that account and layer, and its own amount.",
        (_RUNNING_SUM, _RUNNING_SUM_ENDS),
    ),
    Invariant(
        5,
        "days are sums",
        "What stands for an account's day is the sum of its posted legs of that day.",
        (_DAYS_ARE_THE_SUM,),
    ),
    Invariant(
        6,
        "resolved once",
        "A pending entry is settled or void at most once, a posted one reversed at most once, and exactly taken back.",
        (_RESOLVED_ONCE, _RESOLVES_WHAT_MAY_BE, _RESOLUTIONS_MIRROR, _LAYER_BY_KIND),
    ),
    Invariant(
        7,
        "ends agree",
        "Books, assets, dates, floors are the same on both ends; floors are kept; an entry is what hash and notes say.",
        (
            _ENDS_OF_POSTINGS,
            _ENDS_OF_BALANCES,
            _ENDS_OF_ENTRIES_AND_ACCOUNTS,
            _HASH_OF_THE_CONTENTS,
        ),
    ),
    Invariant(
        8,
        "sealed",
        "Blocks are numbered 1..n, link, tile and recompute; each entry below the cut is in one, within an hour.",
        (_BLOCKS_LINK, _BLOCKS_TILE, _BLOCKS_RECOMPUTE, _SEALED_IN_TIME),
    ),
    Invariant(
        9,
        "closed is closed",
        "Nothing recorded while a period was closed is effective in it; two people and a reason stand behind a change.",
        (_CLOSED_IS_CLOSED, _TWO_PEOPLE),
    ),
    Invariant(
        10,
        "clearing accounts clear",
        "A clearing account comes to zero within its days.",
        (_CLEARED_IN_TIME,),
    ),
)
