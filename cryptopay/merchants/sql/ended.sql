-- Why a key opens nothing, told to whoever has its secret: 'revoked' or 'expired'; null where it is unknown, or opens its book.
create function merchants_why_key_ended(p_hash bytea) returns text
language sql stable security definer set search_path = public, pg_temp as $$
  select case when revoked_at is not null then 'revoked' when expires_at <= statement_timestamp() then 'expired' end
  from merchants_apikey where secret_hash = p_hash
$$
--;;
revoke execute on function merchants_why_key_ended from public
--;;
grant execute on function merchants_why_key_ended to cryptopay_app
