-- A long history of many merchants, past the verbs and yet of one piece: an invoice, its address, its deposit, its
-- payment, the entries of both, what was told and how it was delivered, each by the same number n. Nine in ten are the
-- large merchant's, two in a hundred the small one's, the rest eighteen others'.
CREATE TEMPORARY TABLE story AS
SELECT n, CASE WHEN n % 100 < 90 THEN {large} WHEN n % 100 < 92 THEN {small} ELSE ({others})[1 + n % 18] END AS book,
       now() - ({count} - n) * interval '365 days' / {count} AS at, lpad(to_hex(n), 64, '0') AS txid,
       decode(lpad(to_hex(n), 44, '0'), 'hex') AS place,
       CASE WHEN n % 1009 = 0 THEN 'seen' WHEN n % 503 = 0 THEN 'dropped' ELSE 'confirmed' END AS fate
FROM generate_series(1, {count}::bigint) n;
CREATE INDEX ON story (n);
ANALYZE story;

INSERT INTO ledger_journalentry (id, book_id, idem, idem_hash, kind, legs, effective_at, recorded_at, source,
                                 description, meta, txid, invoice_ref, order_ref, node, xid, rate_id)
SELECT n, book, 'seen:' || txid, sha256(n::text::bytea), 2, 2, at, at, 'chain:bitcoin-regtest',
       'Payment for order ' || n, jsonb_build_object('order', 'order ' || n, 'txid', txid), txid,
       'inv_' || lpad(n::text, 26, '0'), 'order ' || n, 0, pg_current_xact_id(), NULL
FROM story;
INSERT INTO ledger_journalentry (id, book_id, idem, idem_hash, kind, ref_id, legs, effective_at, recorded_at, source,
                                 description, meta, txid, invoice_ref, order_ref, node, xid, rate_id)
SELECT {count} + n, book, 'told:' || txid, sha256(n::text::bytea), CASE fate WHEN 'dropped' THEN 4 ELSE 3 END, n, 2,
       at, at, 'chain:bitcoin-regtest', 'Received: payment for order ' || n, '{{}}', txid,
       'inv_' || lpad(n::text, 26, '0'), 'order ' || n, 0, pg_current_xact_id(),
       CASE WHEN n % 5003 <> 0 THEN {rate} END
FROM story WHERE fate <> 'seen';
INSERT INTO ledger_posting (book_id, entry_id, leg, account_id, asset_id, layer, debit, credit, balance_after,
                            account_seq, effective_at)
SELECT e.book_id, e.id, a.leg, a.account, {asset}, CASE e.kind WHEN 2 THEN 1 ELSE 0 END, 100 * (2 - a.leg), 100 * (a.leg - 1),
       100, e.id, e.effective_at
FROM ledger_journalentry e
JOIN account_of a ON a.book = e.book_id
WHERE e.kind IN (2, 3);
INSERT INTO ledger_accountday (book_id, account_id, day, debit, credit)
SELECT book_id, account_id, (effective_at AT TIME ZONE 'UTC')::date, sum(debit), sum(credit)
FROM ledger_posting WHERE layer = 0 GROUP BY 1, 2, 3;
INSERT INTO merchants_customer (id, book_id, public_id, external_ref, name, email, metadata)
SELECT n, book, 'cus_' || n, 'customer ' || n, 'Name ' || n, n || '@example.com', '{{}}' FROM story WHERE n % 10 = 0;
INSERT INTO payments_invoice (id, book_id, public_id, order_id, description, amount, currency, tolerance,
                              least_confirmations, status, exception, settlements, return_url, metadata, created_at,
                              expires_at, monitored_until, customer_id)
SELECT n, book, 'inv_' || lpad(n::text, 26, '0'), 'order ' || n, '', 1 + n % 700, 'EUR', 0, 0,
       CASE fate WHEN 'seen' THEN 'processing' WHEN 'dropped' THEN 'expired' ELSE 'settled' END,
       CASE WHEN n % 2003 = 0 THEN 'paid_over' ELSE 'none' END, 0, '', '{{}}', at, at, at,
       CASE WHEN n % 10 = 0 THEN n END
FROM story;
INSERT INTO keys_address (id, book_id, chain, master_key_id, index, text, destination, issued_at)
SELECT n, book, 'bitcoin-regtest', {key}, n, 'bcrt1q' || txid, place, at FROM story;
INSERT INTO monitor_watchedaddress (id, book_id, chain_code, address, destination, least_confirmations, own, created_at)
SELECT n, book, 'bitcoin-regtest', 'bcrt1q' || txid, place, 0, true, at FROM story;
INSERT INTO payments_paymentmethod (id, book_id, invoice_id, asset_id, address_id, watched_id, due_base_units)
SELECT n, book, n, {asset}, n, n, 100 FROM story;
INSERT INTO monitor_deposit (id, book_id, watched_id, chain_code, key, txid, contract, base_units, sender, memo, state,
                             appearance, block_height, block_hash, block_time, required_confirmations, agreed_hash,
                             held_because, seen_at)
SELECT n, book, n, 'bitcoin-regtest', txid || ':0', txid, '', 100, '', '', fate, 1, CASE fate WHEN 'confirmed' THEN n END,
       '', at, 2, '', '', at
FROM story;
INSERT INTO payments_payment (id, book_id, public_id, invoice_id, method_id, asset_id, deposit_id, base_units, state, late,
                              pending_entry_id, settled_entry_id, seen_at)
SELECT n, book, 'pay_' || n, n, n, {asset}, n, 100, fate, n % 4001 = 0, n, CASE fate WHEN 'confirmed' THEN {count} + n END,
       at
FROM story;
INSERT INTO webhooks_event (id, book_id, public_id, type, subject, sequence, payload, created_at, node, xid)
SELECT n, book, 'evt_' || n, 'invoice.settled', 'inv_' || lpad(n::text, 26, '0'), 1, '{{}}', at, 0, pg_current_xact_id()
FROM story;
INSERT INTO webhooks_delivery (id, public_id, book_id, endpoint_id, event_id, subject, sequence, state, attempts, next_attempt_at,
                               by_hand)
SELECT n, 'del_' || n, book, e.id, n, 'inv_' || lpad(n::text, 26, '0'), 1, CASE WHEN n % 3001 = 0 THEN 'failed' ELSE 'delivered' END, 1,
       at, false
FROM story JOIN webhooks_endpoint e ON e.book_id = book;
INSERT INTO payments_chainnotice (id, book_id, public_id, chain_code, kind, subject, sequence, txid, address, payload,
                                  told_at)
SELECT n, book, 'cev_' || n, 'bitcoin-regtest', 'seen', 'adr_' || n, 1, txid, 'bcrt1q' || txid, '{{"amount": null}}', at
FROM story;
UPDATE ledger_balance b SET posted = p.posted, seq = p.seq
FROM (SELECT account_id, 100 * count(*) AS posted, max(account_seq) AS seq FROM ledger_posting WHERE layer = 0 GROUP BY 1) p
WHERE b.account_id = p.account_id;
INSERT INTO monitor_reconciliation (id, book_id, asset_id, chain_code, height, block_hash, asked_at, way, addresses,
                                    node_base_units, custody_base_units, on_its_way_base_units, difference)
SELECT n, book, {asset}, 'bitcoin-regtest', n, '', at, 'balances', 1, 100 - (n % 97 = 0)::integer, 100, 0,
       -(n % 97 = 0)::integer
FROM story WHERE n % 100 = 7 OR n % 1000 = 91;
INSERT INTO monthend_case (id, book_id, asset_id, run_id, opened_at)
SELECT id, book_id, asset_id, id, asked_at FROM monitor_reconciliation WHERE difference <> 0;
INSERT INTO monthend_casestep (book_id, case_id, kind, base_units, reason, by, run_id, at)
SELECT book_id, id, kind, -1, '', '', id, opened_at
FROM monthend_case, unnest(ARRAY['found', 'gone']) kind WHERE kind = 'found' OR id < {count} * 99 / 100;
INSERT INTO reports_export (id, book_id, public_id, asked_by, asked_by_name, report, form, parameters, file_name, state,
                            attempts, rows, size_bytes, error_code, error, asked_at, finished_at, expires_at)
SELECT n, book, 'exp_' || n, 'user:' || 1 + n % 3, 'Somebody', 'trial-balance', 'csv', '{{}}', 'trial-balance.csv', 'done',
       1, 9, 999, '', '', at, at, at
FROM story WHERE n % 200 = 11;
