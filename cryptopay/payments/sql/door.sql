-- The payer's door. A payer belongs to no book; the public id in the link, with 80 random bits, is the secret they were given.

create policy door on payments_invoice for select to current_user using (true)
--;;
create function payments_book_of_invoice(p_public_id text) returns bigint
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
  return (select i.book_id from payments_invoice i where i.public_id = p_public_id);
end $$
--;;
revoke execute on function payments_book_of_invoice from public
--;;
grant execute on function payments_book_of_invoice to cryptopay_app
