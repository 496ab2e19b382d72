import type { Queryable } from '../../platform/database/database';
import { selectWarehouses } from '../stock/ledger/queries';
import type { Warehouse } from '../stock/ledger/types';

/** All warehouses, also inactive ones, by code. */
export function listWarehouses(on: Queryable): Promise<Warehouse[]> {
  return selectWarehouses(on);
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
    const read = listWarehouses(db);
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
