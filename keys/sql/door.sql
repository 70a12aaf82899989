-- One look beyond the wall: two merchants with the same key would give out the same addresses. It tells yes or no, and not who.

create policy door on keys_masterkey for select to current_user using (true)
--;;
create function keys_held_by_another(p_fingerprint bytea, p_book bigint) returns boolean
language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
  return exists (select 1 from keys_masterkey m where m.fingerprint = p_fingerprint and m.book_id <> p_book);
end $$
--;;
revoke execute on function keys_held_by_another from public
--;;
grant execute on function keys_held_by_another to cryptopay_app
