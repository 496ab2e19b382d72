import type { Queryable } from '../../platform/database/database';
import { AppError } from '../../platform/errors';
import type { Warehouse } from './types';
import { selectWarehouseId, selectWarehouses } from './warehouse-queries';

export { selectWarehouses as listWarehouses };

/** @throws AppError `UNKNOWN_LOCATION` */
export async function findWarehouseId(on: Queryable, code: string): Promise<number> {
  const found = await selectWarehouseId(on, code);
  if (!found) throw new AppError('UNKNOWN_LOCATION', `There is no location ${code}.`);
  return found.id;
}

/** The warehouses, read at most once every few seconds: a small table that every reservation needs and that hardly changes. */
export interface WarehouseDirectory {
  all(): Promise<readonly Warehouse[]>;
  /** Reads them now: somebody knows of a warehouse that `all` does not. */
  refreshed(): Promise<readonly Warehouse[]>;
}

const FRESH_MS = 5_000;

export function createWarehouseDirectory(db: Queryable): WarehouseDirectory {
  let cached: { read: Promise<Warehouse[]>; until: number } | undefined;

  function refreshed(): Promise<Warehouse[]> {
    const read = selectWarehouses(db);
    cached = { read, until: Date.now() + FRESH_MS };
    // A failed read is not kept.
    read.catch(() => (cached = undefined));
    return read;
  }

  return {
    all: () => (cached && cached.until >= Date.now() ? cached.read : refreshed()),
    refreshed,
  };
}
