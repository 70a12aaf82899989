-- Where deliveries stand after an attempt. A success counts though its claim has run out; of the others only the claim's own
-- attempt moves anything, so that one that comes late undoes nothing.
UPDATE webhooks_delivery
SET state = tried.state,
    attempts = attempts + 1,
    next_attempt_at = coalesce(tried.next_attempt_at, webhooks_delivery.next_attempt_at),
    claimed_until = NULL
FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::timestamptz[])
    AS tried (id, claimed_until, state, next_attempt_at)
WHERE webhooks_delivery.id = tried.id
  AND (
      tried.state = 'delivered'
      OR webhooks_delivery.state = 'waiting' AND webhooks_delivery.claimed_until = tried.claimed_until
  )
