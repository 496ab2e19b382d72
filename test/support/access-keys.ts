import { createHash } from 'node:crypto';
import type { ClientBase } from 'pg';

/** The service by which tests sign in unless they say otherwise. */
const ADMIN_SERVICE = '0b0d6a64-0000-4000-8000-000000000001';
const KEY_ID = '0b0d6a64-0000-4000-8000-000000000002';
const SECRET = 'test'.repeat(10) + 'key';

/** An API key of an admin: every database that is cloned from the run's template has it. */
export const ADMIN_KEY = `hf_live_${KEY_ID.replaceAll('-', '')}_${SECRET}`;
/** Who makes what is made with it. */
export const ADMIN_CALLER = `service:${ADMIN_SERVICE}`;
/** Headers of a request by it. */
export const AS_ADMIN = { 'x-api-key': ADMIN_KEY };

/** Makes the key in a migrated database. */
export async function insertAdminKey(on: Pick<ClientBase, 'query'>): Promise<void> {
  await on.query(
    `insert into services (id, name, role, created_by) values ($1, 'tests', 'admin', 'tests') on conflict do nothing`,
    [ADMIN_SERVICE],
  );
  await on.query(
    `insert into api_keys (id, service_id, kind, secret_hash, created_by) values ($1, $2, 'live', $3, 'tests') on conflict do nothing`,
    [KEY_ID, ADMIN_SERVICE, createHash('sha256').update(SECRET).digest()],
  );
}
