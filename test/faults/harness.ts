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

/**
 * What a gateway tells of, by its webhook, of charges and refunds of which it gave no response: they are asked about now, and not in the
 * minutes after which Holdfast asks by itself where that has failed for a while.
 */
export async function gatewayTells({ db }: Pick<Harness, 'db'>): Promise<void> {
  await db.pool.query(
    `with charges as (
       update payments set next_try_at = null
       where status in ('unknown', 'void_planned') and next_try_at > clock_timestamp() + interval '5 seconds'
       returning order_id
     ), given_back as (
       update refunds set next_try_at = null
       where status in ('planned', 'pending') and next_try_at > clock_timestamp() + interval '5 seconds'
       returning order_id
     )
     insert into outbox (topic, key)
     select distinct 'order.wake', order_id::text from (table charges union all table given_back) due`,
  );
}

/** Every parcel that waits for the carrier's van reaches its next stage now. */
export async function carrierCollects({ db }: Pick<Harness, 'db'>): Promise<void> {
  await db.pool.query(
    'update sandbox_carrier.parcels set next_at = clock_timestamp() where next_at > clock_timestamp()',
  );
}
