import { execute, many, maybeOne, type Queryable, type Transaction } from '../../platform/database/database';
import { BYTEWISE } from '../../platform/database/pages';
import type { MerchantFields } from './types';

export interface MerchantRow extends MerchantFields {
  id: number;
  code: string;
  version: number;
  createdAt: Date;
  updatedAt: Date;
}

const COLUMNS = 'id, code, name, zone, version, created_at as "createdAt", updated_at as "updatedAt"';

export function selectMerchant(on: Queryable, code: string): Promise<MerchantRow | undefined> {
  return maybeOne<MerchantRow>(on, 'catalog.merchant', `select ${COLUMNS} from merchants where code = $1`, [
    code,
  ]);
}

/** Merchants after one, by the bytes of their code. */
export function selectMerchants(
  on: Queryable,
  page: { after: string | null; limit: number; offset: number },
): Promise<MerchantRow[]> {
  return many<MerchantRow>(
    on,
    'catalog.merchants',
    `select ${COLUMNS} from merchants where $1::text is null or code ${BYTEWISE} > $1
     order by code ${BYTEWISE} limit $2 offset $3`,
    [page.after, page.limit, page.offset],
  );
}

/** Codes that are this one but for capitals: at most a few. */
export function selectMerchantsAlike(on: Queryable, code: string): Promise<{ code: string }[]> {
  return many(
    on,
    'catalog.merchants_alike',
    'select code from merchants where lower(code) = lower($1) order by code',
    [code],
  );
}

export function insertMerchant(
  tx: Transaction,
  code: string,
  { name, zone }: MerchantFields,
): Promise<number> {
  return execute(
    tx,
    'catalog.insert_merchant',
    'insert into merchants (code, name, zone) values ($1, $2, $3)',
    [code, name, zone],
  );
}

/** Returns 0 where there is no such merchant, or it has another version. */
export function updateMerchantFields(
  tx: Transaction,
  code: string,
  { name, zone }: MerchantFields,
  version: number,
): Promise<number> {
  return execute(
    tx,
    'catalog.update_merchant',
    `update merchants set name = $2, zone = $3, version = version + 1, updated_at = clock_timestamp()
     where code = $1 and version = $4`,
    [code, name, zone, version],
  );
}

/** Whether PostgreSQL, which tells the days of merchants, knows a time zone by this name. */
export async function existsZone(on: Queryable, zone: string): Promise<boolean> {
  const row = await maybeOne(on, 'catalog.zone', 'select 1 from pg_timezone_names where name = $1', [zone]);
  return row !== undefined;
}
