import { execute, many, type Transaction } from '../../../platform/database/database';
import type { LotCount } from './compare-units';
import type { CountToRecord, LotToRecord, SerialsToRecord } from './queries';

export type LotOfLine = LotCount & { productId: number };

/** Lots of lines of a sheet that were counted. */
export function selectCountedLots(tx: Transaction, sheetId: string): Promise<LotOfLine[]> {
  return many<LotOfLine>(
    tx,
    'counting.lots',
    `select product_id as "productId", code_key as key, code, expires_on::text as "expiresOn", counted
     from count_line_lots where sheet_id = $1 and counted is not null order by product_id, code_key`,
    [sheetId],
  );
}

/** Forgets what was counted of the lots of lines, and lots that were found. */
export async function resetLots(
  tx: Transaction,
  sheetId: string,
  productIds: readonly number[],
): Promise<void> {
  await execute(
    tx,
    'counting.forget_found_lots',
    'delete from count_line_lots where sheet_id = $1 and product_id = any ($2::int[]) and expected = 0',
    [sheetId, productIds],
  );
  await execute(
    tx,
    'counting.reset_lots',
    'update count_line_lots set counted = null, variance = null, superseded = false where sheet_id = $1 and product_id = any ($2::int[])',
    [sheetId, productIds],
  );
}

/** Writes what was counted of lots and serial numbers, instead of what was counted of these lines before. */
export async function writeUnits(
  tx: Transaction,
  sheetId: string,
  counts: readonly Pick<CountToRecord, 'productId' | 'lots' | 'serials'>[],
): Promise<void> {
  const lots = counts.flatMap(({ productId, lots: own }) => own.map((lot) => ({ ...lot, productId })));
  if (lots.length > 0) await upsertLots(tx, sheetId, lots);
  const serials = counts.flatMap(({ productId, serials: own }) => (own ? [{ ...own, productId }] : []));
  if (serials.length > 0) await updateSerials(tx, sheetId, serials);
}

function upsertLots(
  tx: Transaction,
  sheetId: string,
  lots: readonly (LotToRecord & { productId: number })[],
): Promise<number> {
  return execute(
    tx,
    'counting.upsert_lots',
    `insert into count_line_lots (sheet_id, product_id, code_key, code, expires_on, expected, counted, variance, superseded)
     select $1, product_id, code_key, code, expires_on, 0, counted, variance, superseded
     from unnest($2::int[], $3::text[], $4::text[], $5::date[], $6::int[], $7::int[], $8::boolean[])
       as n (product_id, code_key, code, expires_on, counted, variance, superseded)
     on conflict (sheet_id, product_id, code_key) do update
     set counted = excluded.counted, variance = excluded.variance, superseded = excluded.superseded`,
    [
      sheetId,
      lots.map((l) => l.productId),
      lots.map((l) => l.key),
      lots.map((l) => l.code),
      lots.map((l) => l.expiresOn),
      lots.map((l) => l.counted),
      lots.map((l) => l.variance),
      lots.map((l) => l.superseded),
    ],
  );
}

function updateSerials(
  tx: Transaction,
  sheetId: string,
  lines: readonly (SerialsToRecord & { productId: number })[],
): Promise<number> {
  const arrays = (lists: readonly (readonly string[])[]) => lists.map((list) => JSON.stringify(list));
  return execute(
    tx,
    'counting.update_serials',
    `update count_lines l
     set serials = array(select jsonb_array_elements_text(n.counted)),
         missing_serials = array(select jsonb_array_elements_text(n.missing)),
         found_serials = array(select jsonb_array_elements_text(n.found))
     from unnest($2::int[], $3::jsonb[], $4::jsonb[], $5::jsonb[]) as n (product_id, counted, missing, found)
     where l.sheet_id = $1 and l.product_id = n.product_id`,
    [
      sheetId,
      lines.map((l) => l.productId),
      arrays(lines.map((l) => l.counted)),
      arrays(lines.map((l) => l.missing)),
      arrays(lines.map((l) => l.found)),
    ],
  );
}
