-- Takes due deliveries. Due: its time has come, nobody is sending it, its endpoint is enabled, and no earlier event of the
-- same subject still waits for the same endpoint. An earlier one cannot appear later: sequences commit in their order.
-- Books take turns, and neither an endpoint nor a book has more than its share in flight; but an endpoint with nothing in
-- flight may always have one, whatever its book's others are at. A slow endpoint has one, and all slow ones together have
-- only so many: however many hang, threads are left for the rest.
WITH flying AS MATERIALIZED (
    SELECT delivery.endpoint_id, delivery.book_id, endpoint.slow_since IS NOT NULL AS slow
    FROM webhooks_delivery delivery JOIN webhooks_endpoint endpoint ON endpoint.id = delivery.endpoint_id
    WHERE delivery.state = 'waiting' AND delivery.claimed_until > statement_timestamp()
),
due AS MATERIALIZED (
    SELECT found.id, found.book_id, found.next_attempt_at, endpoint.slow_since IS NOT NULL AS slow,
           row_number() OVER (PARTITION BY endpoint.id ORDER BY found.next_attempt_at, found.id)
           + (SELECT count(*) FROM flying WHERE flying.endpoint_id = endpoint.id) AS of_endpoint
    FROM webhooks_endpoint endpoint
    CROSS JOIN LATERAL (
        SELECT d.id, d.book_id, d.next_attempt_at
        FROM webhooks_delivery d
        WHERE d.endpoint_id = endpoint.id
          AND d.state = 'waiting'
          AND d.next_attempt_at <= statement_timestamp()
          AND (d.claimed_until IS NULL OR d.claimed_until <= statement_timestamp())
          -- In the order of an index, so that no plan, whatever it knows of the table, looks at more than one row.
          AND (d.by_hand OR d.id = (
              SELECT first.id FROM webhooks_delivery first
              WHERE first.endpoint_id = d.endpoint_id
                AND first.subject = d.subject
                AND first.state = 'waiting'
                AND NOT first.by_hand
              ORDER BY first.endpoint_id, first.subject, first.sequence
              LIMIT 1
          ))
        ORDER BY d.next_attempt_at, d.id
        LIMIT greatest(
            0,
            CASE WHEN endpoint.slow_since IS NULL THEN %(per_endpoint)s ELSE 1 END
            - (SELECT count(*) FROM flying WHERE flying.endpoint_id = endpoint.id)
        )
        FOR NO KEY UPDATE OF d SKIP LOCKED
    ) found
    WHERE endpoint.disabled_at IS NULL AND endpoint.id <> ALL (%(without)s::bigint[])
),
in_turn AS (
    SELECT id, next_attempt_at, slow, of_endpoint,
           row_number() OVER (PARTITION BY book_id ORDER BY of_endpoint, next_attempt_at, id)
           + (SELECT count(*) FROM flying WHERE flying.book_id = due.book_id) AS turn,
           row_number() OVER (PARTITION BY slow ORDER BY next_attempt_at, id)
           + (SELECT count(*) FROM flying WHERE flying.slow) AS slow_turn
    FROM due
),
taken AS MATERIALIZED (
    SELECT id FROM in_turn
    WHERE (turn <= %(per_book)s OR of_endpoint = 1) AND (NOT slow OR slow_turn <= %(slow)s)
    ORDER BY turn, next_attempt_at LIMIT %(most)s
)
UPDATE webhooks_delivery
SET claimed_until = statement_timestamp() + make_interval(secs => %(claim_seconds)s)
FROM taken
WHERE webhooks_delivery.id = taken.id
RETURNING webhooks_delivery.id
