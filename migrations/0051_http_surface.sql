-- What a request was, as it was received: keys are compared by it too, so that a field that a later version reads does not make another
-- request of a repeat. `fingerprint`, of the request as it was understood, is all that keys from before have, and that the version before
-- compares.

alter table idempotency_keys
  -- Version and SHA-256, such as `2:…`. Null: a key of the version before.
  add column received text,
  -- Of the response, beside its status and body.
  add column headers  jsonb;
