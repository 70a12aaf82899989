-- What attempts say of their endpoints: one success ends a time of failures, a failure begins or lengthens it. The locks are taken
-- in one order. Answers with the endpoints that have failed for so long and so often that they are to be switched off.
WITH heard AS (
    SELECT id, bool_or(delivered) AS delivered, count(*) AS attempts
    FROM unnest(%(endpoints)s::bigint[], %(delivered)s::boolean[]) AS tried (id, delivered) GROUP BY id
),
locked AS MATERIALIZED (
    SELECT endpoint.id, heard.delivered, heard.attempts
    FROM webhooks_endpoint endpoint JOIN heard ON heard.id = endpoint.id
    WHERE NOT heard.delivered OR endpoint.failing_since IS NOT NULL
    ORDER BY endpoint.id FOR NO KEY UPDATE OF endpoint
),
noted AS (
    UPDATE webhooks_endpoint endpoint
    SET failures = CASE WHEN locked.delivered THEN 0 ELSE endpoint.failures + locked.attempts END,
        failing_since = CASE WHEN NOT locked.delivered THEN coalesce(endpoint.failing_since, statement_timestamp()) END
    FROM locked WHERE locked.id = endpoint.id
    RETURNING endpoint.*
)
SELECT id FROM noted
WHERE disabled_at IS NULL AND failures >= %(least_failures)s
  AND failing_since <= statement_timestamp() - make_interval(days => %(days)s) AND %(days)s > 0
ORDER BY id
