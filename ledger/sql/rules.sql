-- What the verbs of journal.sql ask and do alike, for one entry and for many.

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
-- Whether who calls may write in the book: what row-level security would say of its rows. plpgsql, so that the common case makes nothing of the others ready.
create function ledger_admits(p_book bigint) returns boolean language plpgsql stable as $$
begin
  if current_setting('app.book', true) = 'all' then
    return p_book is not null;
  end if;
  return p_book = any (string_to_array(nullif(current_setting('app.book', true), 'all'), ',')::bigint[])
      or p_book is not null and pg_has_role(coalesce(nullif(current_setting('role'), 'none')::name, session_user), 'cryptopay_every_book', 'USAGE');
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
-- Adds to the sums of a day that is not the one an account keeps in its balance, which is locked. A newer day takes that place; one of the future does not.
create function ledger_add_to_day(p_book bigint, p_account bigint, p_day date, p_debit numeric, p_credit numeric) returns void language plpgsql as $$
declare
  v_day date := p_day;
  v_debit numeric := p_debit;
  v_credit numeric := p_credit;
begin
  if p_day <= (clock_timestamp() at time zone 'UTC')::date then
    select b.day, b.day_debit, b.day_credit into v_day, v_debit, v_credit from ledger_balance b where b.book_id = p_book and b.account_id = p_account;
    if v_day > p_day then
      v_day := p_day; v_debit := p_debit; v_credit := p_credit;
    else
      update ledger_balance b set day = p_day, day_debit = p_debit, day_credit = p_credit where b.book_id = p_book and b.account_id = p_account;
    end if;
  end if;
  if v_day is not null then
    insert into ledger_accountday as d (book_id, account_id, day, debit, credit) values (p_book, p_account, v_day, v_debit, v_credit)
    on conflict (book_id, account_id, day) do update set debit = d.debit + excluded.debit, credit = d.credit + excluded.credit;
  end if;
end $$
--;;
-- What may stand in an entry, whoever writes it. Infinity and the far future are times to PostgreSQL, and cannot be read again.
create function ledger_good_facts(p_effective_at timestamptz, p_meta jsonb) returns boolean language plpgsql immutable as $$
begin
  return p_effective_at between '1900-01-01 00:00+00' and '9998-12-31 00:00+00' and jsonb_typeof(p_meta) = 'object';
end $$
--;;
create function ledger_is_rate_of(p_rate bigint, p_book bigint) returns boolean language sql stable as $$
  select exists (select from ledger_rate r where r.id = p_rate and (r.book_id is null or r.book_id = p_book))
$$
--;;
-- Moves one balance by a debit or a credit, posted (1) or pending (2), and says what its posting must know.
create function ledger_move_balance(
  p_book bigint, p_account bigint, p_kind smallint, p_day date, p_debit numeric, p_credit numeric,
  out after numeric, out seq bigint, out asset bigint, out layer smallint
) language plpgsql as $$
declare
  v_closed boolean;
  v_kept boolean;
begin
  update ledger_balance b
  set posted = case when p_kind = 2 then b.posted when b.debit_normal then b.posted + p_debit - p_credit else b.posted + p_credit - p_debit end,
      pending_in = case when p_kind = 2 and b.debit_normal = (p_debit > 0) then b.pending_in + p_debit + p_credit else b.pending_in end,
      pending_out = case when p_kind = 2 and b.debit_normal <> (p_debit > 0) then b.pending_out + p_debit + p_credit else b.pending_out end,
      day_debit = case when b.day = p_day and p_kind = 1 then b.day_debit + p_debit else b.day_debit end,
      day_credit = case when b.day = p_day and p_kind = 1 then b.day_credit + p_credit else b.day_credit end,
      seq = b.seq + 1
  where b.book_id = p_book and b.account_id = p_account
  returning case when p_kind = 1 then b.posted when b.debit_normal = (p_debit > 0) then b.pending_in else b.pending_out end,
            b.seq, b.asset_id, case when p_kind = 1 then 0 when b.debit_normal = (p_debit > 0) then 1 else 2 end, b.closed, b.day = p_day
  into after, seq, asset, layer, v_closed, v_kept;
  if not found then
    raise exception 'no account % in this book', p_account using errcode = 'LG003';
  elsif v_closed then
    raise exception 'account % is closed', (select a.code from ledger_account a where a.book_id = p_book and a.id = p_account) using errcode = 'LG004';
  elsif p_kind = 1 and v_kept is not true then
    perform ledger_add_to_day(p_book, p_account, p_day, p_debit, p_credit);
  end if;
end $$
