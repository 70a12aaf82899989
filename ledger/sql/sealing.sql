-- The SHA-256 chain of a book's entries, sealed after the fact: writers never wait for it. docs/proofs.md says how a stranger recomputes it.

-- Entries as the texts that are hashed: a line of JSON each with all it says, in codes, not ids, so that accounts, assets and rates are sealed with it.
create function ledger_entry_lines(p_book bigint, p_node integer, p_from xid8, p_upto xid8) returns table (entry_id bigint, line text) language sql stable as $$
  select e.id, jsonb_build_object(
    'id', e.id, 'idem', e.idem, 'idem_hash', encode(e.idem_hash, 'hex'), 'kind', e.kind, 'ref', e.ref_id,
    'effective_at', e.effective_at at time zone 'UTC', 'recorded_at', e.recorded_at at time zone 'UTC',
    'source', e.source, 'description', e.description, 'meta', e.meta, 'node', e.node, 'xid', e.xid::text, 'rate', r.line, 'legs', l.lines
  )::text
  from ledger_journalentry e
  left join lateral (
    select jsonb_build_array(
      r.id, r.book_id, r.asset_code, r.currency, r.price::text, r.source, r.observed_at at time zone 'UTC', r.recorded_at at time zone 'UTC') as line
    from ledger_rate r where r.id = e.rate_id
  ) r on true
  left join lateral (
    select jsonb_agg(jsonb_build_array(
      p.leg, a.code, a.kind, a.floor::text, s.code, s.chain, s.contract, s.decimals, p.layer, p.debit::text, p.credit::text, p.balance_after::text, p.account_seq
    ) order by p.leg) as lines
    from ledger_posting p
    left join ledger_account a on a.book_id = p.book_id and a.id = p.account_id
    left join ledger_asset s on s.id = p.asset_id
    where p.book_id = e.book_id and p.entry_id = e.id
  ) l on true
  where e.book_id = p_book and e.node = p_node and e.xid >= p_from and e.xid < p_upto
$$
--;;
-- A block's own line. Every column but the hash stands in it; `format` is the version of these texts.
create function ledger_block_text(p_block ledger_block) returns text language sql stable as $$
  select jsonb_build_object(
    'format', 1, 'book', p_block.book_id, 'block', p_block.number, 'node', p_block.node, 'from_xid', p_block.from_xid::text, 'upto_xid', p_block.upto_xid::text,
    'entries', p_block.entries, 'previous', encode(p_block.previous, 'hex'), 'sealed_at', p_block.sealed_at at time zone 'UTC'
  )::text
$$
--;;
-- sha256 of the block's line and of the sha256 of each entry's line, in order of their ids: lines of text, so that anyone's tools can check it.
create function ledger_block_hash(p_block ledger_block) returns bytea language sql stable as $$
  select sha256(convert_to(ledger_block_text(p_block) || E'\n' || string_agg(encode(sha256(convert_to(l.line, 'UTF8')), 'hex') || E'\n', '' order by l.entry_id), 'UTF8'))
  from ledger_entry_lines(p_block.book_id, p_block.node, p_block.from_xid, p_block.upto_xid) l
$$
--;;
-- Seals the next block of what one server wrote in a book, `p_most` entries or a few more; how many, 0 when nothing waits.
-- Only transactions below the snapshot's xmin are sealed: all of them have ended, so no entry can appear under the cut later.
create function ledger_seal(p_book bigint, p_node integer, p_most integer) returns integer language plpgsql as $$
declare
  v_block ledger_block;
  v_end xid8;
begin
  perform pg_advisory_xact_lock(7264, p_book::integer);
  -- Behind the lock: a sealer that waited for another would hold an older snapshot against a newer block.
  v_end := case when p_node = ledger_node() then pg_snapshot_xmin(pg_current_snapshot()) else '18446744073709551615'::xid8 end;
  select b.number, b.hash into v_block.number, v_block.previous from ledger_block b where b.book_id = p_book order by b.number desc limit 1;
  select b.upto_xid into v_block.from_xid from ledger_block b where b.book_id = p_book and b.node = p_node order by b.from_xid desc limit 1;
  v_block.book_id := p_book;
  v_block.node := p_node;
  v_block.number := coalesce(v_block.number, 0) + 1;
  v_block.previous := coalesce(v_block.previous, '\x');
  v_block.from_xid := coalesce(v_block.from_xid, '0');
  v_block.sealed_at := clock_timestamp();
  if v_block.from_xid > v_end then
    raise exception 'server % counts transactions from % and the books are sealed up to %: give it a number of its own (ledger.node)', p_node, v_end, v_block.from_xid
      using errcode = 'LG013';
  end if;
  -- Whole transactions: the last one sealed is that of the p_most-th entry.
  select (x.xid::text::numeric + 1)::text::xid8 into v_block.upto_xid
  from (
    select e.xid from ledger_journalentry e
    where e.book_id = p_book and e.node = p_node and e.xid >= v_block.from_xid and e.xid < v_end order by e.xid limit p_most
  ) x order by x.xid desc limit 1;
  if not found then
    return 0;
  end if;
  select count(*) into v_block.entries from ledger_journalentry e
  where e.book_id = p_book and e.node = p_node and e.xid >= v_block.from_xid and e.xid < v_block.upto_xid;
  v_block.hash := ledger_block_hash(v_block);
  insert into ledger_block (book_id, number, node, from_xid, upto_xid, entries, previous, hash, sealed_at)
  values (p_book, v_block.number, p_node, v_block.from_xid, v_block.upto_xid, v_block.entries, v_block.previous, v_block.hash, v_block.sealed_at);
  return v_block.entries;
end $$
