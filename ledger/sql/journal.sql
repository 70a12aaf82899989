-- The ledger's verbs. READ COMMITTED; balances are locked in account order; every statement names the book.
-- SQLSTATEs LG001..LG010 are the codes of ledger/errors.py. The migration sends one statement a string; a line of two dashes and two semicolons parts them.

create function ledger_check_entry(p_book bigint, p_entry bigint) returns void language plpgsql as $$
begin
  if (select count(*) from ledger_posting where book_id = p_book and entry_id = p_entry)
       is distinct from (select legs from ledger_journalentry where book_id = p_book and id = p_entry)::bigint
     or exists (
       select 1 from ledger_posting where book_id = p_book and entry_id = p_entry
       group by asset_id, layer = 0 having sum(debit) <> sum(credit) or count(*) < 2)
  then
    raise exception 'entry %: debits and credits differ', p_entry using errcode = 'LG001';
  end if;
end $$
--;;
-- Inserts the entry, or finds the same one again: fresh says which. The hash covers what may never differ, whatever the session's time zone.
create function ledger_insert_entry(
  p_book bigint, p_idem text, p_kind smallint, p_ref bigint, p_legs integer, p_effective_at timestamptz,
  p_rate bigint, p_source text, p_description text, p_meta jsonb, p_contents jsonb,
  out entry_id bigint, out fresh boolean
) language plpgsql as $$
declare
  v_hash bytea := sha256(convert_to(jsonb_build_array(p_kind, p_ref, p_effective_at at time zone 'UTC', p_source, p_contents)::text, 'UTF8'));
  v_known bytea;
begin
  insert into ledger_journalentry (book_id, idem, idem_hash, kind, ref_id, legs, effective_at, recorded_at, rate_id, source, description, meta)
  values (p_book, p_idem, v_hash, p_kind, p_ref, p_legs, p_effective_at, clock_timestamp(), p_rate, p_source, p_description, p_meta)
  on conflict (book_id, idem) do nothing returning id into entry_id;
  fresh := entry_id is not null;
  if not fresh then
    select e.id, e.idem_hash into entry_id, v_known from ledger_journalentry e where e.book_id = p_book and e.idem = p_idem;
    if v_known is distinct from v_hash then
      raise exception 'entry % exists with other contents', p_idem using errcode = 'LG005';
    end if;
  end if;
end $$
--;;
-- Moves balances and writes the postings of a new entry, one set at a time.
create function ledger_apply(
  p_book bigint, p_entry bigint, p_effective_at timestamptz,
  p_accounts bigint[], p_layers smallint[], p_debits numeric[], p_credits numeric[]
) returns void language plpgsql as $$
begin
  perform 1 from ledger_balance b where b.book_id = p_book and b.account_id = any (p_accounts) order by b.account_id for no key update;
  with leg as materialized (
    select l.n, l.account_id, l.layer, l.debit, l.credit, a.asset_id,
           case when (a.kind in ('A', 'X')) = (l.layer <> 2) then l.debit - l.credit else l.credit - l.debit end as change
    from unnest(p_accounts, p_layers, p_debits, p_credits) with ordinality l (account_id, layer, debit, credit, n)
    join ledger_account a on a.book_id = p_book and a.id = l.account_id
  ), total as (
    select account_id, count(*) as legs,
           coalesce(sum(change) filter (where layer = 0), 0) as posted,
           coalesce(sum(change) filter (where layer = 1), 0) as pending_in,
           coalesce(sum(change) filter (where layer = 2), 0) as pending_out
    from leg group by account_id
  ), moved as (
    update ledger_balance b
    set posted = b.posted + t.posted, pending_in = b.pending_in + t.pending_in, pending_out = b.pending_out + t.pending_out, seq = b.seq + t.legs
    from total t where b.book_id = p_book and b.account_id = t.account_id
    returning b.account_id, array[b.posted - t.posted, b.pending_in - t.pending_in, b.pending_out - t.pending_out] as before, b.seq - t.legs as seq
  )
  insert into ledger_posting (book_id, entry_id, leg, account_id, asset_id, layer, debit, credit, balance_after, account_seq, effective_at)
  select p_book, p_entry, leg.n, leg.account_id, leg.asset_id, leg.layer, leg.debit, leg.credit,
         m.before[leg.layer + 1] + sum(leg.change) over (partition by leg.account_id, leg.layer order by leg.n),
         m.seq + row_number() over (partition by leg.account_id order by leg.n),
         p_effective_at
  from leg join moved m on m.account_id = leg.account_id;
end $$
--;;
create function ledger_check_legs(p_book bigint, p_accounts bigint[], p_debits numeric[], p_credits numeric[]) returns void language plpgsql as $$
declare v_account bigint;
begin
  if coalesce(cardinality(p_accounts), 0) < 2 or cardinality(p_debits) is distinct from cardinality(p_accounts)
     or cardinality(p_credits) is distinct from cardinality(p_accounts) then
    raise exception 'an entry has two legs at least' using errcode = 'LG001';
  end if;
  if exists (select 1 from unnest(p_debits, p_credits) l (debit, credit)
             where l.debit is null or l.credit is null or l.debit < 0 or l.credit < 0 or (l.debit > 0) = (l.credit > 0)
                or l.debit <> trunc(l.debit) or l.credit <> trunc(l.credit) or greatest(l.debit, l.credit) >= 1e78) then
    raise exception 'a leg is one positive debit or one positive credit' using errcode = 'LG002';
  end if;
  select l.id into v_account from unnest(p_accounts) l (id)
  where not exists (select 1 from ledger_account a where a.book_id = p_book and a.id = l.id) limit 1;
  if found then
    raise exception 'no account % in this book', v_account using errcode = 'LG003';
  end if;
  if exists (select 1 from unnest(p_accounts, p_debits, p_credits) l (id, debit, credit) join ledger_account a on a.book_id = p_book and a.id = l.id
             group by a.asset_id having sum(l.debit) <> sum(l.credit)) then
    raise exception 'debits and credits differ' using errcode = 'LG001';
  end if;
end $$
--;;
-- kind 1 posts at once. kind 2 records what is seen: a leg that raises its account is pending in, one that lowers it pending out.
create function ledger_write(
  p_book bigint, p_idem text, p_kind smallint, p_effective_at timestamptz, p_rate bigint, p_source text, p_description text, p_meta jsonb,
  p_accounts bigint[], p_debits numeric[], p_credits numeric[]
) returns bigint language plpgsql as $$
declare
  v_entry record;
  v_closed bigint;
  v_layers smallint[];
begin
  if p_kind not in (1, 2) then
    raise exception 'settle, void and reverse have functions of their own' using errcode = 'LG002';
  end if;
  perform ledger_check_legs(p_book, p_accounts, p_debits, p_credits);
  v_entry := ledger_insert_entry(p_book, p_idem, p_kind, null, cardinality(p_accounts), p_effective_at, p_rate, p_source, p_description, p_meta,
                                 jsonb_build_array(p_accounts, p_debits, p_credits));
  if v_entry.fresh then  -- what was written before an account was closed can still be said again
    select a.id into v_closed from ledger_account a where a.book_id = p_book and a.id = any (p_accounts) and a.closed_at is not null limit 1;
    if found then
      raise exception 'account % is closed', v_closed using errcode = 'LG004';
    end if;
    select array_agg((case when p_kind = 1 then 0 when (a.kind in ('A', 'X')) = (l.debit > 0) then 1 else 2 end)::smallint order by l.n)
    into v_layers
    from unnest(p_accounts, p_debits) with ordinality l (id, debit, n) join ledger_account a on a.book_id = p_book and a.id = l.id;
    perform ledger_apply(p_book, v_entry.entry_id, p_effective_at, p_accounts, v_layers, p_debits, p_credits);
  end if;
  return v_entry.entry_id;
end $$
--;;
-- Inserts an entry that settles, voids or reverses another, which happens at most once.
create function ledger_insert_resolution(
  p_book bigint, p_idem text, p_kind smallint, p_ref bigint, p_legs integer, p_effective_at timestamptz,
  p_rate bigint, p_source text, p_description text, p_meta jsonb,
  out entry_id bigint, out fresh boolean
) language plpgsql as $$
declare v_entry record;
begin
  for attempt in 1..2 loop  -- told twice at once, the second meets the other unique key first, and finds the entry when it looks again
    begin
      v_entry := ledger_insert_entry(p_book, p_idem, p_kind, p_ref, p_legs, p_effective_at, p_rate, p_source, p_description, p_meta, '[]');
      entry_id := v_entry.entry_id;
      fresh := v_entry.fresh;
      return;
    exception when unique_violation then
      null;
    end;
  end loop;
  if p_kind = 5 then
    raise exception 'entry % is already reversed', p_ref using errcode = 'LG009';
  end if;
  raise exception 'entry % is already settled or void', p_ref using errcode = 'LG007';
end $$
--;;
-- Takes the pending legs back (kinds 3 and 4) and, for kind 3, posts them.
create function ledger_resolve(
  p_book bigint, p_pending bigint, p_kind smallint, p_idem text, p_effective_at timestamptz, p_rate bigint, p_source text, p_description text, p_meta jsonb
) returns bigint language plpgsql as $$
declare
  v_entry record;
  v_kind smallint;
  v_legs integer;
begin
  select e.kind, e.legs into v_kind, v_legs from ledger_journalentry e where e.book_id = p_book and e.id = p_pending;
  if v_kind is distinct from 2 or p_kind not in (3, 4) then
    raise exception 'entry % is not pending in this book', p_pending using errcode = 'LG006';
  end if;
  v_entry := ledger_insert_resolution(p_book, p_idem, p_kind, p_pending, v_legs * (case p_kind when 3 then 2 else 1 end), p_effective_at,
                                      p_rate, p_source, p_description, p_meta);
  if v_entry.fresh then
    perform ledger_apply(
      p_book, v_entry.entry_id, p_effective_at,
      array_agg(l.account_id order by l.layer = 0, l.leg), array_agg(l.layer order by l.layer = 0, l.leg),
      array_agg(l.debit order by l.layer = 0, l.leg), array_agg(l.credit order by l.layer = 0, l.leg))
    from (
      select p.leg, p.account_id, p.layer, p.credit as debit, p.debit as credit from ledger_posting p where p.book_id = p_book and p.entry_id = p_pending
      union all
      select p.leg, p.account_id, 0::smallint, p.debit, p.credit from ledger_posting p where p.book_id = p_book and p.entry_id = p_pending and p_kind = 3
    ) l;
  end if;
  return v_entry.entry_id;
end $$
--;;
create function ledger_reverse(
  p_book bigint, p_reversed bigint, p_idem text, p_effective_at timestamptz, p_source text, p_description text, p_meta jsonb
) returns bigint language plpgsql as $$
declare
  v_entry record;
  v_legs integer;
  v_rate bigint;
begin
  select (select count(*) from ledger_posting p where p.book_id = p_book and p.entry_id = e.id and p.layer = 0), e.rate_id into v_legs, v_rate
  from ledger_journalentry e where e.book_id = p_book and e.id = p_reversed and e.kind in (1, 3);
  if not found then
    raise exception 'entry % cannot be reversed', p_reversed using errcode = 'LG008';
  end if;
  v_entry := ledger_insert_resolution(p_book, p_idem, 5::smallint, p_reversed, v_legs, p_effective_at, v_rate, p_source, p_description, p_meta);
  if v_entry.fresh then
    perform ledger_apply(
      p_book, v_entry.entry_id, p_effective_at,
      array_agg(p.account_id order by p.leg), array_agg(p.layer order by p.leg),
      array_agg(p.credit order by p.leg), array_agg(p.debit order by p.leg))
    from ledger_posting p where p.book_id = p_book and p.entry_id = p_reversed and p.layer = 0;
  end if;
  return v_entry.entry_id;
end $$
