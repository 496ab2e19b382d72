import type { Database, Queryable } from '../../../platform/database/database';
import { readTracking } from './set-tracking';
import type { LotMovementView, LotView, SerialMovementView, SerialStatus, SerialView } from './types';
import { selectLotMovements, selectLots, selectSerial, selectSerialPage } from './view-queries';

interface PageRequest {
  /** Id of the row that the page begins after. */
  after?: number | undefined;
  limit: number;
  offset: number;
}

/** A page of rows. `next` is the id that the next page begins after, or null at the end. */
interface RowPage<View> {
  items: View[];
  next: number | null;
}

/** Lots of a product that are on hand, in the order in which they are taken. Null: there is no such product. */
export async function listLots(
  on: Queryable,
  { sku, location }: { sku: string; location?: string | undefined },
): Promise<LotView[] | null> {
  if (!(await readTracking(on, sku))) return null;
  return selectLots(on, sku, location ?? null);
}

/** What became of a lot, oldest first. */
export async function listLotMovements(
  on: Queryable,
  lot: { sku: string; code: string },
  { after = 0, limit, offset }: PageRequest,
): Promise<RowPage<LotMovementView>> {
  return page(await selectLotMovements(on, lot, { after, limit: limit + 1, offset }), limit);
}

/** Serial numbers of a product, oldest first: the order in which they are shipped. */
export async function listSerials(
  db: Database,
  filter: PageRequest & { sku: string; status?: SerialStatus | undefined; location?: string | undefined },
): Promise<RowPage<SerialView>> {
  return page(await selectSerialPage(db, filter), filter.limit);
}

/** The units that have a serial number, one of each product, with what became of them. Null: there is none. */
export async function readSerial(
  on: Queryable,
  serial: string,
): Promise<(SerialView & { movements: SerialMovementView[] })[] | null> {
  const found = await selectSerial(on, serial);
  return found.length > 0 ? found : null;
}

function page<Row extends { id: number }>(found: readonly Row[], limit: number): RowPage<Omit<Row, 'id'>> {
  const shown = found.slice(0, limit);
  return {
    items: shown.map(({ id: _, ...view }) => view),
    next: found.length > limit ? (shown.at(-1)?.id ?? null) : null,
  };
}
