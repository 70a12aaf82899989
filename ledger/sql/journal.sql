-- The ledger's verbs. READ COMMITTED; balances are locked in account order; every statement names the book.
-- SQLSTATEs LG001..LG015 are the codes of ledger/errors.py. The migration sends one statement a string; a line of two dashes and two semicolons parts them.
-- Kinds: 1 post, 2 pending, 3 settle, 4 void, 5 reverse. Layers: 0 posted, 1 pending in, 2 pending out.

-- Which database server writes. Give a restored or moved one a new number: ALTER DATABASE ... SET ledger.node = 1.
create function ledger_node() returns integer language sql stable as $$
  select coalesce(nullif(current_setting('ledger.node', true), ''), '0')::integer
$$
--;;
-- The first moment at which the book is open, where that matters to a date: only days that are over are ever closed.
-- Who writes holds lock 7263 of the book, shared, from here on to the commit; closing takes it alone.
create function ledger_open_from(p_book bigint, p_effective_at timestamptz) returns timestamptz language plpgsql as $$
begin
  perform pg_advisory_xact_lock_shared(7263, p_book::integer);
  if p_effective_at >= (clock_timestamp() at time zone 'UTC')::date::timestamp at time zone 'UTC' then
    return null;
  end if;
  return (select (closed_through + 1)::timestamp at time zone 'UTC' from ledger_periodchange where book_id = p_book order by id desc limit 1);
end $$
--;;
-- What an idempotency key stands for. What may never differ is hashed, whatever the session's time zone.
create function ledger_idem_hash(p_kind smallint, p_ref bigint, p_effective_at timestamptz, p_legs text, p_source text) returns bytea language sql stable as $$
  select sha256(convert_to(concat_ws('|', p_kind, p_ref, extract(epoch from p_effective_at), p_legs, p_source), 'UTF8'))
$$
--;;
-- How much a leg raises its account in that layer. Assets and expenses are raised by debits; what is promised away counts the other way round.
create function ledger_change(p_account_kind text, p_layer smallint, p_debit numeric, p_credit numeric) returns numeric language sql immutable as $$
  select case when (p_account_kind in ('A', 'X')) = (p_layer <> 2) then p_debit - p_credit else p_credit - p_debit end
$$
--;;
create function ledger_layer(p_kind smallint, p_account_kind text, p_debit numeric) returns smallint language sql immutable as $$
  select case when p_kind = 1 then 0 when (p_account_kind in ('A', 'X')) = (p_debit > 0) then 1 else 2 end::smallint
$$
--;;
create function ledger_bad_leg(p_debit numeric, p_credit numeric) returns boolean language sql immutable as $$
  select p_debit is null or p_credit is null or p_debit < 0 or p_credit < 0 or (p_debit > 0) = (p_credit > 0)
      or scale(p_debit) > 0 or scale(p_credit) > 0 or greatest(p_debit, p_credit) >= 1e78
$$
--;;
-- One debit and one credit of the same amount, posted (1) or pending (2): the shape of nearly every entry. Small sets, large tables: one plan for good, each table by its index.
-- p_carry: what falls into a closed period is effective when the book opens again, and keeps its own time in meta.happened_at.
create function ledger_transfer(
  p_book bigint, p_idem text, p_kind smallint, p_effective_at timestamptz, p_carry boolean, p_rate bigint, p_source text, p_description text, p_meta jsonb,
  p_debited bigint, p_credited bigint, p_amount numeric
) returns bigint language plpgsql
set plan_cache_mode = force_generic_plan set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off
as $$
declare
  v_hash bytea;
  v_known bytea;
  v_open timestamptz := ledger_open_from(p_book, p_effective_at);
  v_effective timestamptz := p_effective_at;
  v_meta jsonb := p_meta;
  v_entry bigint;
  f record;
begin
  if p_kind is distinct from 1 and p_kind is distinct from 2 then
    raise exception 'settle, void and reverse resolve another entry' using errcode = 'LG002';
  elsif ledger_bad_leg(p_amount, 0) or p_debited = p_credited then
    raise exception 'a positive amount, from one account to another' using errcode = 'LG002';
  end if;
  select d.asset_id, d.kind as debited, c.kind as credited, d.asset_id <> c.asset_id as unlike, case when d.closed_at is not null then d.code when c.closed_at is not null then c.code end as closed
  into f from ledger_account d, ledger_account c
  where d.book_id = p_book and d.id = p_debited and c.book_id = p_book and c.id = p_credited;
  if not found then
    raise exception 'no account % or no account % in this book', p_debited, p_credited using errcode = 'LG003';
  elsif f.unlike then
    raise exception 'debits and credits differ' using errcode = 'LG001';
  end if;
  if v_open > p_effective_at and p_carry then
    v_effective := v_open;
    v_meta := p_meta || jsonb_build_object('happened_at', p_effective_at at time zone 'UTC');
    v_open := null;
  end if;
  v_hash := ledger_idem_hash(p_kind, null, p_effective_at, format('{%s,%s}{%s,0}{0,%s}', p_debited, p_credited, p_amount, p_amount), p_source);
  if v_open > p_effective_at is not true then
    insert into ledger_journalentry (book_id, idem, idem_hash, kind, legs, effective_at, rate_id, source, description, meta)
    values (p_book, p_idem, v_hash, p_kind, 2, v_effective, p_rate, p_source, p_description, v_meta)
    on conflict (book_id, idem) do nothing returning id into v_entry;
  end if;
  if v_entry is null then  -- what was written before the books, or an account, were closed can still be said again
    select e.id, e.idem_hash into v_entry, v_known from ledger_journalentry e where e.book_id = p_book and e.idem = p_idem;
    if not found then
      raise exception 'the books are closed on that date' using errcode = 'LG011';
    elsif v_known is distinct from v_hash then
      raise exception 'entry % exists with other contents', p_idem using errcode = 'LG005';
    end if;
    return v_entry;
  elsif f.closed is not null then
    raise exception 'account % is closed', f.closed using errcode = 'LG004';
  end if;
  with leg as materialized (  -- locked in account order here, for an update locks in the order of its plan: deadlocks came of it
    select l.n, l.account, ledger_layer(p_kind, l.kind, l.debit) as layer, l.debit, l.credit,
           ledger_change(l.kind, ledger_layer(p_kind, l.kind, l.debit), l.debit, l.credit) as change
    from (values (1, p_debited, f.debited, p_amount, 0::numeric), (2, p_credited, f.credited, 0, p_amount)) l (n, account, kind, debit, credit)
    join (
      select b.account_id from ledger_balance b where b.book_id = p_book and b.account_id in (p_debited, p_credited)
      order by b.account_id for no key update
    ) locked on locked.account_id = l.account
    order by l.account
  ), moved as (
    update ledger_balance b
    set posted = case l.layer when 0 then b.posted + l.change else b.posted end,
        pending_in = case l.layer when 1 then b.pending_in + l.change else b.pending_in end,
        pending_out = case l.layer when 2 then b.pending_out + l.change else b.pending_out end,
        seq = b.seq + 1
    from leg l where b.book_id = p_book and b.account_id = l.account
    returning l.*, case l.layer when 0 then b.posted when 1 then b.pending_in else b.pending_out end as after, b.seq
  ), summed as (
    insert into ledger_accountday as d (book_id, account_id, day, debit, credit)
    select p_book, l.account, (v_effective at time zone 'UTC')::date, l.debit, l.credit from leg l where l.layer = 0
    on conflict (book_id, account_id, day) do update set debit = d.debit + excluded.debit, credit = d.credit + excluded.credit
  )
  insert into ledger_posting (book_id, entry_id, leg, account_id, asset_id, layer, debit, credit, balance_after, account_seq, effective_at)
  select p_book, v_entry, m.n, m.account, f.asset_id, m.layer, m.debit, m.credit, m.after, m.seq, v_effective from moved m;
  return v_entry;
end $$
--;;
create type ledger_leg as (
  entry integer, leg integer, account_id bigint, asset_id bigint, layer smallint, debit numeric, credit numeric, change numeric
)
--;;
-- The entries that those of a batch resolve: by id or by idempotency key, null for kinds 1 and 2. A batch resolves no entry of its own.
create function ledger_resolved(p_book bigint, p_kinds smallint[], p_refs bigint[], p_ref_idems text[]) returns bigint[] language plpgsql as $$
declare
  v_refs bigint[];
  v_bad record;
begin
  if '{1,2}' @> p_kinds and array_remove(p_refs, null) = '{}' and array_remove(p_ref_idems, null) = '{}' then
    return p_refs;
  end if;
  select array_agg(case when u.kind in (3, 4) and e.kind = 2 or u.kind = 5 and e.kind in (1, 3) then e.id end order by u.n) into v_refs
  from unnest(p_kinds, p_refs, p_ref_idems) with ordinality u (kind, ref, idem, n)
  left join ledger_journalentry named on u.ref is null and named.book_id = p_book and named.idem = u.idem
  left join ledger_journalentry e on e.book_id = p_book and e.id = coalesce(u.ref, named.id);
  select u.kind, coalesce(u.ref::text, u.idem) as name into v_bad
  from unnest(p_kinds, p_refs, p_ref_idems, v_refs) u (kind, ref, idem, found)
  where u.kind not in (1, 2) and u.found is null or u.kind in (1, 2) and coalesce(u.ref::text, u.idem) is not null or u.kind is null limit 1;
  if found then
    if v_bad.kind in (3, 4) then
      raise exception 'entry % is not pending in this book', v_bad.name using errcode = 'LG006';
    elsif v_bad.kind = 5 then
      raise exception 'entry % cannot be reversed', v_bad.name using errcode = 'LG008';
    end if;
    raise exception 'only settle, void and reverse name another entry' using errcode = 'LG002';
  end if;
  return v_refs;
end $$
--;;
-- All legs of a batch: those given, and those of the entries resolved, taken back (3, 4, 5) and, to settle (3), posted.
create function ledger_legs(
  p_book bigint, p_kinds smallint[], p_refs bigint[], p_leg_entries integer[], p_accounts bigint[], p_debits numeric[], p_credits numeric[]
) returns ledger_leg[] language sql stable as $$
  select array_agg((x.entry, x.leg, x.account_id, x.asset_id, x.layer, x.debit, x.credit, ledger_change(x.account_kind, x.layer, x.debit, x.credit))::ledger_leg order by x.entry, x.leg)
  from (
    select l.entry, row_number() over (partition by l.entry order by l.n)::integer as leg, l.account as account_id, a.asset_id, a.kind as account_kind,
           ledger_layer(p_kinds[l.entry], a.kind, l.debit) as layer, l.debit, l.credit
    from unnest(p_leg_entries, p_accounts, p_debits, p_credits) with ordinality l (entry, account, debit, credit, n)
    left join ledger_account a on a.book_id = p_book and a.id = l.account
    union all
    select r.n::integer, row_number() over (partition by r.n order by side.part, p.leg)::integer, p.account_id, p.asset_id, a.kind, side.layer, side.debit, side.credit
    from unnest(p_kinds, p_refs) with ordinality r (kind, ref, n)
    join ledger_posting p on p.book_id = p_book and p.entry_id = r.ref and (r.kind <> 5 or p.layer = 0)
    join ledger_account a on a.book_id = p_book and a.id = p.account_id
    cross join lateral (
      select 1 as part, p.layer, p.credit as debit, p.debit as credit
      union all
      select 2, 0::smallint, p.debit, p.credit where r.kind = 3
    ) side
  ) x
$$
--;;
create function ledger_refuse_bad_legs(p_kinds smallint[], p_legs ledger_leg[]) returns void language plpgsql as $$
declare
  v_leg ledger_leg;
begin
  select l.* into v_leg from unnest(p_legs) l where ledger_bad_leg(l.debit, l.credit) limit 1;
  if found then
    raise exception 'a leg is one positive debit or one positive credit' using errcode = 'LG002';
  end if;
  select l.* into v_leg from unnest(p_legs) l where l.asset_id is null limit 1;
  if found then
    raise exception 'no account % in this book', v_leg.account_id using errcode = 'LG003';
  end if;
  if (select count(distinct l.entry) filter (where l.entry between 1 and cardinality(p_kinds)) from unnest(p_legs) l) < cardinality(p_kinds) then
    raise exception 'an entry has two legs at least' using errcode = 'LG001';
  end if;
  if exists (select 1 from unnest(p_legs) l group by l.entry, l.asset_id, l.layer = 0 having sum(l.debit) <> sum(l.credit)) then
    raise exception 'debits and credits differ' using errcode = 'LG001';
  end if;
end $$
--;;
-- The entries with these idempotency keys, one of which was there before: the same ones, or it is an error.
create function ledger_known(
  p_book bigint, p_idems text[], p_hashes bytea[], p_kinds smallint[], p_refs bigint[], p_effective_at timestamptz[], p_open timestamptz
) returns bigint[] language plpgsql as $$
declare
  v_known bigint[];
  v_conflict text;
  v_missing integer;
begin
  select array_agg(e.id order by u.n), min(u.idem) filter (where e.idem_hash <> u.hash), min(u.n) filter (where e.id is null) into v_known, v_conflict, v_missing
  from unnest(p_idems, p_hashes) with ordinality u (idem, hash, n)
  left join ledger_journalentry e on e.book_id = p_book and e.idem = u.idem;
  if v_conflict is not null then
    raise exception 'entry % exists with other contents', v_conflict using errcode = 'LG005';
  elsif p_effective_at[v_missing] < p_open then
    raise exception 'the books are closed on that date' using errcode = 'LG011';
  elsif v_missing is not null then  -- another unique key refused it: another entry has done the same
    if p_kinds[v_missing] = 5 then
      raise exception 'entry % is already reversed', p_refs[v_missing] using errcode = 'LG009';
    end if;
    raise exception 'entry % is already settled or void', p_refs[v_missing] using errcode = 'LG007';
  end if;
  return v_known;
end $$
--;;
-- Moves balances and writes the postings of new entries. Every join meets ledger_balance by its index: sets joined to sets have no statistics.
create function ledger_apply(p_book bigint, p_entries bigint[], p_effective_at timestamptz[], p_legs ledger_leg[]) returns void language plpgsql as $$
begin
  perform 1 from ledger_balance b where b.book_id = p_book and b.account_id = any (array(select distinct l.account_id from unnest(p_legs) l))
  order by b.account_id for no key update;
  update ledger_balance b
  set posted = b.posted + x.posted, pending_in = b.pending_in + x.pending_in, pending_out = b.pending_out + x.pending_out, seq = b.seq + x.legs
  from (
    select l.account_id, count(*) as legs,
           coalesce(sum(l.change) filter (where l.layer = 0), 0) as posted,
           coalesce(sum(l.change) filter (where l.layer = 1), 0) as pending_in,
           coalesce(sum(l.change) filter (where l.layer = 2), 0) as pending_out
    from unnest(p_legs) l group by l.account_id
  ) x where b.book_id = p_book and b.account_id = x.account_id;
  insert into ledger_accountday as d (book_id, account_id, day, debit, credit)
  select p_book, l.account_id, (p_effective_at[l.entry] at time zone 'UTC')::date, sum(l.debit), sum(l.credit)
  from unnest(p_legs) l where l.layer = 0 group by 2, 3 order by 2, 3
  on conflict (book_id, account_id, day) do update set debit = d.debit + excluded.debit, credit = d.credit + excluded.credit;
  insert into ledger_posting (book_id, entry_id, leg, account_id, asset_id, layer, debit, credit, balance_after, account_seq, effective_at)
  select p_book, p_entries[x.entry], x.leg, x.account_id, x.asset_id, x.layer, x.debit, x.credit,
         case x.layer when 0 then b.posted when 1 then b.pending_in else b.pending_out end - x.later, b.seq - x.after, p_effective_at[x.entry]
  from (
    select l.*, sum(l.change) over (partition by l.account_id, l.layer order by l.entry desc, l.leg desc) - l.change as later,
           row_number() over (partition by l.account_id order by l.entry desc, l.leg desc) - 1 as after
    from unnest(p_legs) l
  ) x
  join ledger_balance b on b.book_id = p_book and b.account_id = x.account_id;
end $$
--;;
-- Entries of any kind at once, in sets: work per statement, not per entry. Returns their ids in the order given; what was written before is found again.
-- p_ids were taken from the sequence before, or are null. p_leg_entries says to which entry (1, 2, ...) a leg belongs; entries that resolve another bring none.
create function ledger_write_batch(
  p_book bigint, p_ids bigint[], p_idems text[], p_kinds smallint[], p_refs bigint[], p_ref_idems text[], p_effective_at timestamptz[], p_carry boolean[],
  p_rates bigint[], p_sources text[], p_descriptions text[], p_metas jsonb[],
  p_leg_entries integer[], p_accounts bigint[], p_debits numeric[], p_credits numeric[]
) returns bigint[] language plpgsql
set plan_cache_mode = force_generic_plan set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off
as $$
declare
  v_count integer := coalesce(cardinality(p_idems), 0);
  v_open timestamptz := ledger_open_from(p_book, (select min(u) from unnest(p_effective_at) u));
  v_refs bigint[] := ledger_resolved(p_book, p_kinds, p_refs, p_ref_idems);
  v_legs ledger_leg[] := ledger_legs(p_book, p_kinds, v_refs, p_leg_entries, p_accounts, p_debits, p_credits);
  v_new bigint[] := coalesce(p_ids, array(select nextval('ledger_journalentry_id_seq') from generate_subscripts(p_idems, 1)));
  v_effective timestamptz[];
  v_counts integer[];
  v_hashes bytea[];
  v_known bigint[] := v_new;
  v_written integer;
  v_closed text;
begin
  if not v_count = all (array[cardinality(v_new), cardinality(p_kinds), cardinality(p_refs), cardinality(p_ref_idems), cardinality(p_effective_at), cardinality(p_carry), cardinality(p_rates),
      cardinality(p_sources), cardinality(p_descriptions), cardinality(p_metas)]) is true
    or not cardinality(p_leg_entries) = all (array[cardinality(p_accounts), cardinality(p_debits), cardinality(p_credits)]) is true
    or v_count > 0 and not format('[1:%s]', v_count) = all (array[array_dims(v_new), array_dims(p_kinds), array_dims(p_effective_at), array_dims(p_sources)])
    or exists (select from unnest(p_leg_entries) n where n is null or n not between 1 and v_count or p_kinds[n] not in (1, 2))
    or array_remove(p_refs, null) <> '{}' and exists (select from unnest(p_refs, p_ref_idems) r (id, idem) where r.id is not null and r.idem is not null) then
    raise exception 'the lists of a batch do not fit together' using errcode = 'LG015';
  end if;
  perform ledger_refuse_bad_legs(p_kinds, v_legs);
  select array_agg(case when u.carry then greatest(u.at, v_open) else u.at end order by u.n) into v_effective from unnest(p_effective_at, p_carry) with ordinality u (at, carry, n);
  select array_agg(x.legs order by x.entry),
         array_agg(ledger_idem_hash(p_kinds[x.entry], v_refs[x.entry], p_effective_at[x.entry], x.text, x.source) order by x.entry)
  into v_counts, v_hashes
  from (
    select l.entry, count(*)::integer as legs,
           case when p_kinds[l.entry] in (1, 2) then concat(array_agg(l.account_id order by l.leg), array_agg(l.debit order by l.leg), array_agg(l.credit order by l.leg)) end as text,
           p_sources[l.entry] as source
    from unnest(v_legs) l group by l.entry
  ) x;
  with written as (
  insert into ledger_journalentry (id, book_id, idem, idem_hash, kind, ref_id, legs, effective_at, rate_id, source, description, meta)
  select u.id, p_book, u.idem, u.hash, u.kind, u.ref, u.legs, u.effective_at, coalesce(u.rate, r.rate_id), u.source, u.description,
         case when u.effective_at = u.happened_at then u.meta else u.meta || jsonb_build_object('happened_at', u.happened_at at time zone 'UTC') end
  from unnest(v_new, p_idems, v_hashes, p_kinds, v_refs, v_counts, v_effective, p_effective_at, p_rates, p_sources, p_descriptions, p_metas)
    u (id, idem, hash, kind, ref, legs, effective_at, happened_at, rate, source, description, meta)
  left join ledger_journalentry r on u.kind = 5 and r.book_id = p_book and r.id = u.ref
  where v_open > u.effective_at is not true
  order by u.ref nulls first, u.idem  -- one order for all writers: two batches may resolve the same entries under other keys
  on conflict do nothing returning id
  ) select count(*) into v_written from written;
  if v_written < v_count then  -- some were written before
    v_known := ledger_known(p_book, p_idems, v_hashes, p_kinds, v_refs, v_effective, v_open);
    v_legs := array(select l from unnest(v_legs) l where v_known[l.entry] = v_new[l.entry]);
  end if;
  select a.code into v_closed from ledger_account a
  where a.book_id = p_book and a.closed_at is not null and a.id in (select l.account_id from unnest(v_legs) l where p_kinds[l.entry] in (1, 2)) limit 1;
  if found then
    raise exception 'account % is closed', v_closed using errcode = 'LG004';
  end if;
  perform ledger_apply(p_book, v_new, v_effective, v_legs);
  return v_known;
end $$
