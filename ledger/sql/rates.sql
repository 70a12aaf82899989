-- A rate may value an entry of this book: the book's own or the platform's, and none that is suspect.
create or replace function ledger_is_rate_of(p_rate bigint, p_book bigint) returns boolean language sql stable as $$
  select exists (select from ledger_rate r where r.id = p_rate and r.suspect = '' and (r.book_id is null or r.book_id = p_book))
$$
