import type { Queryable } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { selectShort, selectStock, selectStockAsOf, type LocationRow, type StockRow } from './queries';
import { stockStatus } from '../ledger/rules';
import type { Shortage } from '../sourcing/types';
import type { StockStatus } from '../ledger/types';

export interface Availability {
  /** SKUs that are not sold. */
  unknownSkus: string[];
  shortages: Shortage[];
}

/**
 * Whether these quantities could be reserved right now, all warehouses together. Read without locks, so the units may be gone a moment later.
 * Unpaid reservations that are past due count as available.
 */
export async function checkAvailability(
  on: Queryable,
  items: readonly { sku: string; quantity: number }[],
): Promise<Availability> {
  const short = await selectShort(
    on,
    items.map((item) => item.sku),
    items.map((item) => item.quantity),
  );
  return {
    unknownSkus: short.filter((row) => !row.isKnown).map((row) => row.sku),
    shortages: short
      .filter((row) => row.isKnown)
      .map(({ sku, requested, available }) => ({ sku, requested, available })),
  };
}

export interface LocationView {
  warehouse: string;
  onHand: number;
  reserved: number;
  available: number;
  /** Units of open transfers on their way here. */
  incoming: number;
  status: StockStatus;
}

export interface StockView {
  sku: string;
  onHand: number;
  reserved: number;
  available: number;
  /** Units on their way between locations: on hand nowhere. */
  inTransit: number;
  locations: LocationView[];
  /** RFC 3339. */
  asOf: string;
}

/**
 * Stock of one product over all its locations, now or as the ledger has it at `asOf`. Null: no such product.
 *
 * @throws ASOF_BEFORE_RETENTION for a time whose ledger was dropped (LEDGER_RETENTION_MONTHS)
 */
export async function readStock(on: Queryable, sku: string, asOf?: Date): Promise<StockView | null> {
  const row = asOf ? await readPast(on, sku, asOf) : await selectStock(on, sku);
  return row ? asStockView(row) : null;
}

async function readPast(on: Queryable, sku: string, asOf: Date): Promise<StockRow | undefined> {
  const row = await selectStockAsOf(on, sku, asOf);
  if (row?.horizon && asOf < row.horizon) {
    const horizon = row.horizon.toISOString();
    throw new AppError('ASOF_BEFORE_RETENTION', `The ledger is kept from ${horizon} on.`, { horizon });
  }
  return row;
}

function asStockView(row: StockRow): StockView {
  const locations = row.locations.map(asLocationView);
  const total = (count: (location: LocationView) => number) =>
    locations.reduce((sum, location) => sum + count(location), 0);
  return {
    sku: row.sku,
    onHand: total((location) => location.onHand),
    reserved: total((location) => location.reserved),
    available: total((location) => location.available),
    inTransit: total((location) => location.incoming),
    locations,
    asOf: row.asOf.toISOString(),
  };
}

function asLocationView({ lowStockThreshold, ...counters }: LocationRow): LocationView {
  return { ...counters, status: stockStatus(counters.available, lowStockThreshold) };
}
