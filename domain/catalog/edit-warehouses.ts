import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { recordChange } from '../audit/record';
import type { AuditValues } from '../audit/types';
import { isSeen, refuseAlike, refuseUpdate } from './changes';
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
  { isRepeat, actor }: { isRepeat: boolean; actor: string },
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
    await recordChange(tx, {
      actor,
      action: 'warehouse.added',
      subject: { type: 'warehouse', id: code },
      after: fieldsOf(fields),
    });
    return existing(tx, code);
  });
}

/** @throws AppError `NOT_FOUND`, `PRECONDITION_FAILED` */
export function updateWarehouse(
  db: Database,
  code: string,
  fields: WarehouseFields,
  { seen, actor }: { seen: Seen; actor: string },
): Promise<Versioned<Warehouse>> {
  return db.retrying(async (tx) => {
    for (;;) {
      const before = await selectWarehouse(tx, code);
      if (!before || !isSeen(before, seen)) refuseUpdate('warehouse', before, seen);
      // 0: it was changed between the two statements.
      if ((await updateWarehouseFields(tx, code, fields, before.version)) === 0) continue;
      await recordChange(tx, {
        actor,
        action: 'warehouse.changed',
        subject: { type: 'warehouse', id: code },
        before: fieldsOf(before),
        after: fieldsOf(fields),
      });
      return existing(tx, code);
    }
  });
}

const FIELDS = ['name', 'type', 'address', 'latitude', 'longitude', 'region', 'priority'] as const;

function isEqual(warehouse: Warehouse, fields: WarehouseFields): boolean {
  return FIELDS.every((name) => warehouse[name] === fields[name]);
}

function fieldsOf(fields: Pick<Warehouse, (typeof FIELDS)[number]>): AuditValues {
  return Object.fromEntries(FIELDS.map((name) => [name, fields[name]]));
}

async function existing(tx: Transaction, code: string): Promise<Versioned<Warehouse>> {
  const warehouse = await selectWarehouse(tx, code);
  if (!warehouse) throw new Error(`the warehouse ${code} is gone`);
  return warehouse;
}
