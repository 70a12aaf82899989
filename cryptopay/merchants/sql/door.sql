-- The door of API keys. Who asks shows a key before anybody knows whose book it is; the policies let the owner, whose function this is, look.

create policy door on merchants_apikey for select to current_user using (true)
--;;
create policy door on ledger_book for select to current_user using (true)
--;;
-- The key with that hash, its book and its merchant; nothing where it is unknown, revoked or expired, not saying which.
create function merchants_key_of_hash(p_hash bytea, out key merchants_apikey, out book ledger_book, out merchant merchants_merchant)
returns setof record language plpgsql stable security definer set search_path = public, pg_temp as $$
begin
  return query
  select k, b, m from merchants_apikey k join ledger_book b on b.id = k.book_id join merchants_merchant m on m.id = k.merchant_id
  where k.secret_hash = p_hash and k.revoked_at is null and (k.expires_at is null or k.expires_at > statement_timestamp());
end $$
--;;
revoke execute on function merchants_key_of_hash from public
--;;
grant execute on function merchants_key_of_hash to cryptopay_app
