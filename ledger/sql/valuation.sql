-- What each posted leg was worth, in minor units of the book's currency; null where nobody has said what a unit is worth. Debits above zero, credits below.
-- Rounded half away from zero, from the entry's first leg on: so the debits of an asset and its credits are worth the same, however many legs they are.
-- A price by hand goes before the entry's rate; a reversal is worth what it takes back. The book's own currency is worth itself.
create view ledger_value with (security_invoker = true) as
select p.book_id, p.entry_id, p.leg, p.account_id, p.asset_id, p.effective_at, p.debit, p.credit, e.kind, e.ref_id, x.price,
       case when x.own then p.debit - p.credit
            else (round((b.before + p.debit + p.credit) * x.unit) - round(b.before * x.unit)) * case when p.debit > 0 then 1 else -1 end
       end as value
from ledger_posting p
join ledger_journalentry e on e.book_id = p.book_id and e.id = p.entry_id
join ledger_book k on k.id = p.book_id
join ledger_asset a on a.id = p.asset_id
left join ledger_asset c on c.chain = '' and c.contract = k.currency
left join ledger_rate r on r.id = e.rate_id and r.asset_code = a.code and r.currency = k.currency
cross join lateral (
  select coalesce(c.id = a.id, false) as own, h.price, h.price * ('1e' || c.decimals - a.decimals)::numeric as unit
  from (
    select coalesce(
      (select h.price from ledger_entryprice h where h.book_id = p.book_id and h.entry_id = p.entry_id and h.asset_id = p.asset_id order by h.id desc limit 1),
      case when e.kind = 5 then
        (select h.price from ledger_entryprice h where h.book_id = p.book_id and h.entry_id = e.ref_id and h.asset_id = p.asset_id order by h.id desc limit 1)
      end,
      r.price) as price
  ) h
) x
cross join lateral (
  select case when e.legs = 2 then 0 else (
    select coalesce(sum(o.debit + o.credit), 0) from ledger_posting o
    where o.book_id = p.book_id and o.entry_id = p.entry_id and o.layer = 0 and o.asset_id = p.asset_id and o.leg < p.leg and (o.debit > 0) = (p.debit > 0)
  ) end as before
) b
where p.layer = 0
--;;
grant select on ledger_value to cryptopay_app
