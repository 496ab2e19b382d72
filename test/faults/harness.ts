import type { Client } from '@temporalio/client';
import type { Database } from '../../platform/database/database';
import type { EngineNames } from '../../workflows/contract/names';
import { callApi, type CallOptions, type Reply } from '../api/support';
import type { Stack } from '../support/stack';

/** Where orders are placed and looked at, whoever runs them. */
export interface Harness {
  db: Database;
  databaseUrl: string;
  client: Client;
  names: EngineNames;
  call(method: string, path: string, options?: CallOptions): Promise<Reply>;
}

/** Of a stack with an API. */
export function harnessOf({ db, databaseUrl, temporal, names, url }: Stack): Harness {
  return {
    db,
    databaseUrl,
    client: temporal.client,
    names,
    call: (method, path, options) => callApi(new URL(url).origin, method, path, options),
  };
}

/** Every parcel that waits for the carrier's van reaches its next stage now. */
export async function carrierCollects({ db }: Pick<Harness, 'db'>): Promise<void> {
  await db.pool.query(
    'update sandbox_carrier.parcels set next_at = clock_timestamp() where next_at > clock_timestamp()',
  );
}
