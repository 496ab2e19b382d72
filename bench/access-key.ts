import { createHash } from 'node:crypto';
import type { Pool } from 'pg';

const SERVICE = '0b0d6a64-0000-4000-8000-000000000011';
const KEY_ID = '0b0d6a64-0000-4000-8000-000000000012';
const SECRET = 'bench'.repeat(8) + 'key';

/** By which the load signs in, as an admin. */
export const BENCH_HEADERS = { 'x-api-key': `hf_live_${KEY_ID.replaceAll('-', '')}_${SECRET}` };

/** Makes the key in a migrated database. */
export async function insertBenchKey(on: Pick<Pool, 'query'>): Promise<void> {
  await on.query(`insert into services (id, name, role, created_by) values ($1, 'bench', 'admin', 'bench')`, [
    SERVICE,
  ]);
  await on.query(
    `insert into api_keys (id, service_id, kind, secret_hash, created_by) values ($1, $2, 'live', $3, 'bench')`,
    [KEY_ID, SERVICE, createHash('sha256').update(SECRET).digest()],
  );
}
