import type { Database } from '../../../platform/database/database';
import type { Warehouse } from '../../catalog/types';
import type { WarehouseDirectory } from '../../catalog/warehouses';
import { Candidates, type ReservationRequest } from './plan-reservation';
import { selectCandidates, type CandidateRow } from './queries';

/** Products of these requests and the stock rows that they may be taken from, read without locks. */
export async function readCandidates(
  { db, warehouses }: { db: Database; warehouses: WarehouseDirectory },
  requests: readonly Pick<ReservationRequest, 'lines' | 'warehouse'>[],
): Promise<Candidates> {
  const skus = [...new Set(requests.flatMap((request) => request.lines.map((line) => line.sku)))];
  const rows = await selectCandidates(db, skus);
  const known = await warehouses.all();
  const named = requests.flatMap(({ warehouse }) => (warehouse ? [warehouse] : []));
  // A warehouse that was made a moment ago has stock, or a name, before the directory knows it.
  return new Candidates(rows, knows(known, rows, named) ? known : await warehouses.refreshed());
}

function knows(
  warehouses: readonly Warehouse[],
  stock: readonly CandidateRow[],
  named: readonly string[],
): boolean {
  const ids = new Set(warehouses.map(({ id }) => id));
  const codes = new Set(warehouses.map(({ code }) => code));
  return (
    stock.every(({ warehouseId }) => warehouseId === 0 || ids.has(warehouseId)) &&
    named.every((code) => codes.has(code))
  );
}
