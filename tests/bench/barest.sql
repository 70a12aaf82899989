-- The least that an entry with balances can be written by: no guard, no idempotent answer, no reference, no sums of days, two indexes a table.
create schema barest;
create table barest.entry (
  book_id bigint not null, id bigint generated always as identity, idem text not null, effective_at timestamptz not null, description text not null,
  primary key (book_id, id), unique (book_id, idem)
);
create table barest.posting (
  book_id bigint not null, entry_id bigint not null, leg smallint not null, account_id bigint not null, debit numeric(78,0) not null, credit numeric(78,0) not null,
  balance_after numeric(78,0) not null, account_seq bigint not null, primary key (book_id, entry_id, leg), unique (book_id, account_id, account_seq)
);
create table barest.balance (
  book_id bigint not null, account_id bigint not null, posted numeric(78,0) not null, seq bigint not null, primary key (book_id, account_id)
) with (fillfactor = 50);
insert into barest.balance select book_id, account_id, 0, 0 from ledger_balance;
create function barest.post(p_book bigint, p_idem text, p_at timestamptz, p_description text, p_debited bigint, p_credited bigint, p_amount numeric)
returns bigint language plpgsql as $$
declare
  v_entry bigint;
  v_debited record;
  v_credited record;
begin
  insert into barest.entry (book_id, idem, effective_at, description) values (p_book, p_idem, p_at, p_description) returning id into v_entry;
  update barest.balance set posted = posted - p_amount, seq = seq + 1 where book_id = p_book and account_id = p_debited returning posted, seq into v_debited;
  update barest.balance set posted = posted + p_amount, seq = seq + 1 where book_id = p_book and account_id = p_credited returning posted, seq into v_credited;
  insert into barest.posting values (p_book, v_entry, 1, p_debited, p_amount, 0, v_debited.posted, v_debited.seq),
                                    (p_book, v_entry, 2, p_credited, 0, p_amount, v_credited.posted, v_credited.seq);
  return v_entry;
end $$;
