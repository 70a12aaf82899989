-- The ledger's verbs. READ COMMITTED; balances are locked in account order; every statement names the book.
-- SQLSTATEs LG001..LG015 are the codes of ledger/errors.py. The migration sends one statement a string; a line of two dashes and two semicolons parts them.
-- Kinds: 1 post, 2 pending, 3 settle, 4 void, 5 reverse. Layers: 0 posted, 1 pending in, 2 pending out.
-- ledger_transfer and ledger_write_batch are the ways into the books: nobody else may write entries, postings or balances. They work as cryptopay_verbs, which no
-- row-level security holds: so they ask first whose book it is, and prove all they write.

-- Why ledger_transfer does not write this.
create function ledger_refuse_transfer(
  p_book bigint, p_kind smallint, p_effective_at timestamptz, p_rate bigint, p_meta jsonb, p_debited bigint, p_credited bigint, p_amount numeric
) returns void language plpgsql as $$
begin
  if (p_kind in (1, 2)) is not true then
    raise exception 'settle, void and reverse resolve another entry' using errcode = 'LG002';
  elsif ledger_bad_leg(p_amount, 0) or p_debited = p_credited then
    raise exception 'a positive amount, from one account to another' using errcode = 'LG002';
  elsif p_effective_at is null or p_meta is null then
    raise exception 'an entry has a date and notes' using errcode = '23502';
  elsif not ledger_good_facts(p_effective_at, p_meta) then
    raise exception 'an entry has a date between 1900 and 9998, and its notes are an object' using errcode = '23514';
  elsif ledger_admits(p_book) is not true or p_debited is null or p_credited is null then
    raise exception 'no account % or no account % in this book', p_debited, p_credited using errcode = 'LG003';
  end if;
  raise exception 'no rate % of this book or the platform', p_rate using errcode = '23503';
end $$
--;;
-- The entry with this idempotency key: the same one, or it is an error. What was written before the books, or an account, were closed can still be said again.
create function ledger_said_before(p_book bigint, p_idem text, p_hash bytea) returns bigint language plpgsql as $$
declare
  v_entry bigint;
  v_known bytea;
begin
  select e.id, e.idem_hash into v_entry, v_known from ledger_journalentry e where e.book_id = p_book and e.idem = p_idem;
  if not found then
    raise exception 'the books are closed on that date' using errcode = 'LG011';
  elsif v_known is distinct from p_hash then
    raise exception 'entry % exists with other contents', p_idem using errcode = 'LG005';
  end if;
  return v_entry;
end $$
--;;
-- One debit and one credit of the same amount, posted (1) or pending (2): the shape of nearly every entry. Each statement finds its rows by one index.
-- A transaction makes each expression and each statement here ready once more: there are few, and the common case calls no function of ours. A balance that keeps
-- the entry's day is moved by the shortest statement.
-- p_carry: what falls into a closed period is effective when the book opens again, and keeps its own time in meta.happened_at.
create function ledger_transfer(
  p_book bigint, p_idem text, p_kind smallint, p_effective_at timestamptz, p_carry boolean, p_rate bigint, p_source text, p_description text, p_meta jsonb,
  p_debited bigint, p_credited bigint, p_amount numeric
) returns bigint language plpgsql security definer
set search_path = public, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
  v_open timestamptz;
  v_effective timestamptz := p_effective_at;
  v_day date := (p_effective_at at time zone 'UTC')::date;
  v_meta jsonb := p_meta;
  v_entry bigint;
  v_debited_after numeric;
  v_debited_seq bigint;
  v_debited_asset bigint;
  v_debited_layer smallint := 0;
  v_credited_after numeric;
  v_credited_seq bigint;
  v_credited_asset bigint;
  v_credited_layer smallint := 0;
begin
  -- The lock is asked for last: who may not write waits for nobody, and holds nobody up.
  if (p_kind in (1, 2) and p_amount > 0 and p_amount < 1e78 and scale(p_amount) = 0 and p_debited <> p_credited
      and p_effective_at between '1900-01-01 00:00+00' and '9998-12-31 00:00+00' and jsonb_typeof(p_meta) = 'object'
      and (p_rate is null or ledger_is_rate_of(p_rate, p_book))
      and (current_setting('app.book', true) = 'all' or ledger_admits(p_book)) and pg_advisory_xact_lock_shared(7263, p_book::integer) is not null) is not true then
    perform ledger_refuse_transfer(p_book, p_kind, p_effective_at, p_rate, p_meta, p_debited, p_credited, p_amount);
  end if;
  if v_day < (clock_timestamp() at time zone 'UTC')::date then
    v_open := ledger_open_from(p_book, p_effective_at);
    if v_open > p_effective_at and p_carry then
      v_effective := v_open;
      v_day := (v_effective at time zone 'UTC')::date;
      v_meta := p_meta || jsonb_build_object('happened_at', p_effective_at at time zone 'UTC');
    elsif v_open > p_effective_at then
      return ledger_said_before(
        p_book, p_idem,
        ledger_idem_hash(p_kind, null, p_effective_at, format('{%s,%s}{%s,0}{0,%s}', p_debited, p_credited, p_amount, p_amount), p_source)
      );
    end if;
  end if;
  insert into ledger_journalentry (
    book_id, idem, idem_hash, kind, legs, effective_at, rate_id, source, description, meta, txid, invoice_ref, order_ref, recorded_at, node, xid
  ) values (
    p_book, p_idem,
    ledger_idem_hash(p_kind, null, p_effective_at, format('{%s,%s}{%s,0}{0,%s}', p_debited, p_credited, p_amount, p_amount), p_source),
    p_kind, 2, v_effective, p_rate, p_source, p_description, v_meta, v_meta ->> 'txid', v_meta ->> 'invoice', v_meta ->> 'order',
    clock_timestamp(), ledger_node(), pg_current_xact_id()
  ) on conflict (book_id, idem) do nothing returning id into v_entry;
  if v_entry is null then
    return ledger_said_before(
      p_book, p_idem,
      ledger_idem_hash(p_kind, null, p_effective_at, format('{%s,%s}{%s,0}{0,%s}', p_debited, p_credited, p_amount, p_amount), p_source)
    );
  end if;
  for n in 1..2 loop  -- in account order
    if (n = 1) = (p_debited < p_credited) then
      if p_kind = 1 then
        update ledger_balance b
        set posted = case when b.debit_normal then b.posted + p_amount else b.posted - p_amount end, day_debit = b.day_debit + p_amount, seq = b.seq + 1
        where b.book_id = p_book and b.account_id = p_debited and b.day = v_day and not b.closed
        returning b.posted, b.seq, b.asset_id into v_debited_after, v_debited_seq, v_debited_asset;
      end if;
      if v_debited_seq is null then
        select * into v_debited_after, v_debited_seq, v_debited_asset, v_debited_layer from ledger_move_balance(p_book, p_debited, p_kind, v_day, p_amount, 0);
      end if;
    else
      if p_kind = 1 then
        update ledger_balance b
        set posted = case when b.debit_normal then b.posted - p_amount else b.posted + p_amount end, day_credit = b.day_credit + p_amount, seq = b.seq + 1
        where b.book_id = p_book and b.account_id = p_credited and b.day = v_day and not b.closed
        returning b.posted, b.seq, b.asset_id into v_credited_after, v_credited_seq, v_credited_asset;
      end if;
      if v_credited_seq is null then
        select * into v_credited_after, v_credited_seq, v_credited_asset, v_credited_layer from ledger_move_balance(p_book, p_credited, p_kind, v_day, 0, p_amount);
      end if;
    end if;
  end loop;
  if v_debited_asset <> v_credited_asset then
    raise exception 'debits and credits differ' using errcode = 'LG001';
  end if;
  insert into ledger_posting (book_id, entry_id, leg, account_id, asset_id, layer, debit, credit, balance_after, account_seq, effective_at)
  values (p_book, v_entry, 1, p_debited, v_debited_asset, v_debited_layer, p_amount, 0, v_debited_after, v_debited_seq, v_effective),
         (p_book, v_entry, 2, p_credited, v_credited_asset, v_credited_layer, 0, p_amount, v_credited_after, v_credited_seq, v_effective);
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
-- Locks these accounts' balances and those of the accounts of these entries, all in one order, for who goes on to write several batches in the transaction.
create function ledger_lock_balances(p_book bigint, p_accounts bigint[], p_entries bigint[], p_idems text[]) returns void language plpgsql security definer
set search_path = public, pg_temp
as $$
begin
  if ledger_admits(p_book) then
    perform 1 from ledger_balance b
    where b.book_id = p_book and b.account_id in (
      select unnest(p_accounts)
      union all
      select p.account_id from ledger_journalentry e join ledger_posting p on p.book_id = e.book_id and p.entry_id = e.id
      where e.book_id = p_book and (e.id = any (p_entries) or e.idem = any (p_idems))
    )
    order by b.account_id for no key update;
  end if;
end $$
--;;
-- Moves balances and writes the postings of new entries. Every join meets ledger_balance by its index: sets joined to sets have no statistics.
-- Sums of the batch's newest day that is not of the future go to the day that balances keep; those of other days, or of accounts that keep a newer one, to theirs.
create function ledger_apply(p_book bigint, p_entries bigint[], p_effective_at timestamptz[], p_legs ledger_leg[]) returns void language plpgsql as $$
declare
  v_days date[] := array(select (u at time zone 'UTC')::date from unnest(p_effective_at) u);
  v_day date := (select max(u) from unnest(v_days) u where u <= (clock_timestamp() at time zone 'UTC')::date);
  v_turn boolean;
  v_elsewhere boolean;
  v_written integer;
begin
  select bool_or(locked.day < v_day is not false) into v_turn from (
    select b.day from ledger_balance b where b.book_id = p_book and b.account_id = any (array(select distinct l.account_id from unnest(p_legs) l))
    order by b.account_id for no key update
  ) locked;
  if v_turn and v_day is not null then
    insert into ledger_accountday as d (book_id, account_id, day, debit, credit)
    select b.book_id, b.account_id, b.day, b.day_debit, b.day_credit from ledger_balance b
    where b.book_id = p_book and b.day < v_day
      and b.account_id = any (array(select distinct l.account_id from unnest(p_legs) l where l.layer = 0 and v_days[l.entry] = v_day))
    order by b.account_id
    on conflict (book_id, account_id, day) do update set debit = d.debit + excluded.debit, credit = d.credit + excluded.credit;
    update ledger_balance b set day = v_day, day_debit = 0, day_credit = 0
    where b.book_id = p_book and b.day < v_day is not false
      and b.account_id = any (array(select distinct l.account_id from unnest(p_legs) l where l.layer = 0 and v_days[l.entry] = v_day));
  end if;
  with moved as (
    update ledger_balance b
    set posted = b.posted + x.posted, pending_in = b.pending_in + x.pending_in, pending_out = b.pending_out + x.pending_out, seq = b.seq + x.legs,
        day_debit = case when b.day = v_day then b.day_debit + x.debit else b.day_debit end,
        day_credit = case when b.day = v_day then b.day_credit + x.credit else b.day_credit end
    from (
      select l.account_id, count(*) as legs, bool_or(l.layer = 0) as posts,
             coalesce(sum(l.change) filter (where l.layer = 0), 0) as posted,
             coalesce(sum(l.change) filter (where l.layer = 1), 0) as pending_in,
             coalesce(sum(l.change) filter (where l.layer = 2), 0) as pending_out,
             coalesce(sum(l.debit) filter (where l.layer = 0 and v_days[l.entry] = v_day), 0) as debit,
             coalesce(sum(l.credit) filter (where l.layer = 0 and v_days[l.entry] = v_day), 0) as credit
      from unnest(p_legs) l group by l.account_id
    ) x where b.book_id = p_book and b.account_id = x.account_id
    returning x.posts and b.day = v_day is not true as elsewhere
  )
  select bool_or(elsewhere) or v_day = all (v_days) is not true into v_elsewhere from moved;
  if v_elsewhere then
    insert into ledger_accountday as d (book_id, account_id, day, debit, credit)
    select p_book, l.account_id, v_days[l.entry], sum(l.debit), sum(l.credit)
    from unnest(p_legs) l join ledger_balance b on b.book_id = p_book and b.account_id = l.account_id
    where l.layer = 0 and (v_days[l.entry] = v_day and b.day = v_day) is not true group by 2, 3 order by 2, 3
    on conflict (book_id, account_id, day) do update set debit = d.debit + excluded.debit, credit = d.credit + excluded.credit;
  end if;
  insert into ledger_posting (book_id, entry_id, leg, account_id, asset_id, layer, debit, credit, balance_after, account_seq, effective_at)
  select p_book, p_entries[x.entry], x.leg, x.account_id, x.asset_id, x.layer, x.debit, x.credit,
         case x.layer when 0 then b.posted when 1 then b.pending_in else b.pending_out end - x.later, b.seq - x.after, p_effective_at[x.entry]
  from (
    select l.*, sum(l.change) over (partition by l.account_id, l.layer order by l.entry desc, l.leg desc) - l.change as later,
           row_number() over (partition by l.account_id order by l.entry desc, l.leg desc) - 1 as after
    from unnest(p_legs) l
  ) x
  join ledger_balance b on b.book_id = p_book and b.account_id = x.account_id;
  get diagnostics v_written = row_count;
  if v_written < coalesce(cardinality(p_legs), 0) then
    raise exception 'an account has no balance' using errcode = 'LG003';
  end if;
end $$
--;;
-- Entries of any kind at once, in sets: work per statement, not per entry. Returns their ids in the order given; what was written before is found again.
-- p_ids were taken from the sequence before, or are null. p_leg_entries says to which entry (1, 2, ...) a leg belongs; entries that resolve another bring none.
create function ledger_write_batch(
  p_book bigint, p_ids bigint[], p_idems text[], p_kinds smallint[], p_refs bigint[], p_ref_idems text[], p_effective_at timestamptz[], p_carry boolean[],
  p_rates bigint[], p_sources text[], p_descriptions text[], p_metas jsonb[],
  p_leg_entries integer[], p_accounts bigint[], p_debits numeric[], p_credits numeric[]
) returns bigint[] language plpgsql security definer
set search_path = public, pg_temp set plan_cache_mode = force_generic_plan set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off
as $$
declare
  v_count integer := coalesce(cardinality(p_idems), 0);
  v_open timestamptz;
  v_refs bigint[];
  v_legs ledger_leg[];
  v_new bigint[] := coalesce(p_ids, array(select nextval('ledger_journalentry_id_seq') from generate_subscripts(p_idems, 1)));
  v_effective timestamptz[];
  v_counts integer[];
  v_hashes bytea[];
  v_known bigint[] := v_new;
  v_written integer;
  v_closed text;
begin
  if ledger_admits(p_book) is not true then
    raise exception 'no such book here' using errcode = 'LG003';
  end if;
  v_open := ledger_open_from(p_book, (select min(u) from unnest(p_effective_at) u));
  v_refs := ledger_resolved(p_book, p_kinds, p_refs, p_ref_idems);
  v_legs := ledger_legs(p_book, p_kinds, v_refs, p_leg_entries, p_accounts, p_debits, p_credits);
  if not v_count = all (array[cardinality(v_new), cardinality(p_kinds), cardinality(p_refs), cardinality(p_ref_idems), cardinality(p_effective_at), cardinality(p_carry), cardinality(p_rates),
      cardinality(p_sources), cardinality(p_descriptions), cardinality(p_metas)]) is true
    or not cardinality(p_leg_entries) = all (array[cardinality(p_accounts), cardinality(p_debits), cardinality(p_credits)]) is true
    or v_count > 0 and not format('[1:%s]', v_count) = all (array[array_dims(v_new), array_dims(p_kinds), array_dims(p_effective_at), array_dims(p_sources)])
    or exists (select from unnest(p_leg_entries) n where n is null or n not between 1 and v_count or p_kinds[n] not in (1, 2))
    or array_remove(p_refs, null) <> '{}' and exists (select from unnest(p_refs, p_ref_idems) r (id, idem) where r.id is not null and r.idem is not null) then
    raise exception 'the lists of a batch do not fit together' using errcode = 'LG015';
  end if;
  perform ledger_refuse_bad_legs(p_kinds, v_legs);
  if exists (select from unnest(p_effective_at, p_metas) u (at, meta) where not ledger_good_facts(u.at, u.meta)) then
    raise exception 'an entry has a date between 1900 and 9998, and its notes are an object' using errcode = '23514';
  elsif exists (select from unnest(array_remove(p_rates, null)) u where not ledger_is_rate_of(u, p_book)) then
    raise exception 'a rate is of this book or the platform' using errcode = '23503';
  end if;
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
  insert into ledger_journalentry (
    id, book_id, idem, idem_hash, kind, ref_id, legs, effective_at, rate_id, source, description, meta, txid, invoice_ref, order_ref, recorded_at, node, xid
  )
  select u.id, p_book, u.idem, u.hash, u.kind, u.ref, u.legs, u.effective_at, coalesce(u.rate, r.rate_id), u.source, u.description,
         case when u.effective_at = u.happened_at then u.meta else u.meta || jsonb_build_object('happened_at', u.happened_at at time zone 'UTC') end,
         u.meta ->> 'txid', u.meta ->> 'invoice', u.meta ->> 'order', clock_timestamp(), ledger_node(), pg_current_xact_id()
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
--;;
-- An account's day, wherever it is kept: rows of ledger_accountday by their ids, those of ledger_balance by theirs below zero.
create view ledger_day with (security_invoker = true) as
select id, book_id, account_id, day, debit, credit from ledger_accountday
union all
select -id, book_id, account_id, day, day_debit, day_credit from ledger_balance where day is not null or day_debit <> 0 or day_credit <> 0
--;;
-- An account's balance is made with it, and closed with it.
create function ledger_keep_balance() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if tg_op = 'INSERT' then
    insert into ledger_balance (account_id, book_id, asset_id, debit_normal, closed, posted, pending_in, pending_out, floor, seq, day_debit, day_credit)
    values (new.id, new.book_id, new.asset_id, new.kind in ('A', 'X'), new.closed_at is not null, 0, 0, 0, new.floor, 0, 0, 0);
  else
    update ledger_balance b set closed = new.closed_at is not null where b.book_id = new.book_id and b.account_id = new.id;
  end if;
  return null;
end $$
--;;
create trigger account_has_a_balance after insert or update of closed_at on ledger_account for each row execute function ledger_keep_balance()
--;;
grant select on ledger_day to cryptopay_app
--;;
revoke all on function ledger_transfer, ledger_write_batch, ledger_lock_balances, ledger_keep_balance from public
--;;
grant execute on function ledger_transfer, ledger_write_batch, ledger_lock_balances to cryptopay_app
--;;
grant create on schema public to cryptopay_verbs  -- while they change hands
--;;
alter function ledger_transfer owner to cryptopay_verbs
--;;
alter function ledger_write_batch owner to cryptopay_verbs
--;;
alter function ledger_lock_balances owner to cryptopay_verbs
--;;
alter function ledger_keep_balance owner to cryptopay_verbs
--;;
revoke create on schema public from cryptopay_verbs
