import type { Database } from '../../../platform/database/database';
import type { Warehouse } from '../../catalog/types';
import type { WarehouseDirectory } from '../../catalog/warehouses';
import { Candidates, type ReservationRequest } from './plan-reservation';
import { selectCandidates, type CandidateRow } from './queries';

/**
 * Products of these requests and the stock rows that they may be taken from, read without locks.
 *
 * @param how.allWarehouses also one that was made a moment ago and has no stock of them yet
 */
export async function readCandidates(
  { db, warehouses }: { db: Database; warehouses: WarehouseDirectory },
  requests: readonly Pick<ReservationRequest, 'lines' | 'warehouse'>[],
  { allWarehouses = false } = {},
): Promise<Candidates> {
  const skus = [...new Set(requests.flatMap((request) => request.lines.map((line) => line.sku)))];
  const rows = await selectCandidates(db, skus);
  const known = await (allWarehouses ? warehouses.refreshed() : warehouses.all());
  const named = requests.flatMap(({ warehouse }) => (warehouse ? [warehouse] : []));
  // A warehouse that was made, closed or opened a moment ago has stock, a name or another state before the directory knows it.
  return new Candidates(rows, knows(known, rows, named) ? known : await warehouses.refreshed());
}

function knows(
  warehouses: readonly Warehouse[],
  stock: readonly CandidateRow[],
  named: readonly string[],
): boolean {
  const active = new Map(warehouses.map((warehouse) => [warehouse.id, warehouse.active]));
  const codes = new Set(warehouses.map(({ code }) => code));
  return (
    stock.every(({ warehouseId, isOpen }) => warehouseId === 0 || active.get(warehouseId) === isOpen) &&
    named.every((code) => codes.has(code))
  );
}
