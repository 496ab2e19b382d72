import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { refuseAlike, refuseUpdate } from './changes';
import { lockName } from './name-lock-queries';
import type { Seen, Versioned, Warehouse, WarehouseFields } from './types';
import {
  insertWarehouse,
  selectCodesAlike,
  selectWarehouse,
  updateWarehouseFields,
} from './warehouse-queries';

/** Null: no such warehouse. */
export async function readWarehouse(on: Queryable, code: string): Promise<Versioned<Warehouse> | null> {
  return (await selectWarehouse(on, code)) ?? null;
}

/**
 * Adds a warehouse, which is open.
 *
 * @param options.isRepeat an equal one that nobody has changed is the one that an earlier try made
 * @throws AppError `DUPLICATE_NAME`
 */
export function createWarehouse(
  db: Database,
  code: string,
  fields: WarehouseFields,
  { isRepeat }: { isRepeat: boolean },
): Promise<Versioned<Warehouse>> {
  return db.retrying(async (tx) => {
    await lockName(tx, 'warehouse', code);
    const found = isRepeat ? await selectWarehouse(tx, code) : undefined;
    if (found && found.version === 1 && isEqual(found, fields)) return found;
    refuseAlike(
      'warehouse',
      code,
      (await selectCodesAlike(tx, code)).map((row) => row.code),
    );
    await insertWarehouse(tx, code, fields);
    return existing(tx, code);
  });
}

/** @throws AppError `NOT_FOUND`, `PRECONDITION_FAILED` */
export function updateWarehouse(
  db: Database,
  code: string,
  fields: WarehouseFields,
  seen: Seen,
): Promise<Versioned<Warehouse>> {
  return db.retrying(async (tx) => {
    const updated = await updateWarehouseFields(tx, code, fields, seen);
    if (updated === 0) refuseUpdate('warehouse', await selectWarehouse(tx, code), seen);
    return existing(tx, code);
  });
}

function isEqual(warehouse: Warehouse, fields: WarehouseFields): boolean {
  const names = ['name', 'type', 'address', 'latitude', 'longitude', 'region', 'priority'] as const;
  return names.every((name) => warehouse[name] === fields[name]);
}

async function existing(tx: Transaction, code: string): Promise<Versioned<Warehouse>> {
  const warehouse = await selectWarehouse(tx, code);
  if (!warehouse) throw new Error(`the warehouse ${code} is gone`);
  return warehouse;
}
