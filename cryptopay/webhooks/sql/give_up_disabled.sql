-- What waits for a disabled endpoint is given up; a person may redeliver it once the endpoint is enabled again.
UPDATE webhooks_delivery
SET state = 'failed', claimed_until = NULL
FROM webhooks_endpoint
WHERE webhooks_endpoint.id = webhooks_delivery.endpoint_id
  AND webhooks_endpoint.disabled_at IS NOT NULL
  AND webhooks_delivery.state = 'waiting'
