import type { Queryable } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import {
  selectAsOf,
  selectShort,
  selectStock,
  selectStockAsOf,
  selectStockByState,
  type LocationRow,
  type StateRow,
} from './queries';
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
 * Unpaid reservations that are past due and can be freed count as available.
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
  /** Orders are placed from it. Of the past it is not known. */
  open?: boolean;
  onHand: number;
  reserved: number;
  /** What can be ordered: nothing of a closed warehouse, nor of the safety stock. Of the past what nobody had reserved. */
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
  /** RFC 3339 in UTC, with microseconds. */
  asOf: string;
}

/** What of a product can be ordered, and nothing else of its stock. */
export interface AvailabilityView extends Pick<StockView, 'sku' | 'available' | 'asOf'> {
  locations: Pick<LocationView, 'warehouse' | 'available' | 'status'>[];
}

export function availabilityOf({ sku, available, locations, asOf }: StockView): AvailabilityView {
  return { sku, available, locations: locations.map(availabilityAt), asOf };
}

/** The same of one location. */
export function availabilityAt({
  warehouse,
  available,
  status,
}: LocationView): AvailabilityView['locations'][number] {
  return { warehouse, available, status };
}

export interface PastStockView extends StockView {
  /** Nothing more is written at this time or before it: the units stay as they are here. */
  final: boolean;
}

/** Stock of one product over all its locations. Null: no such product. */
export async function readStock(on: Queryable, sku: string): Promise<StockView | null> {
  const row = await selectStock(on, sku);
  return row ? stockViewOf(row.sku, row.locations.map(asLocationView), row.asOf) : null;
}

/** Units on hand by state: `onHand` is their sum and what is available. */
export interface StockStates {
  /** Reserved for good: paid, being paid, confirmed, or kept for backorders. */
  committed: number;
  /** Reserved by who has not paid or confirmed yet: it falls due. */
  unpaid: number;
  /** Not promised to anybody, and not for sale; the sum of `unavailableBy`. */
  unavailable: number;
  unavailableBy: UnavailableBy;
}

/** Why units are not for sale; each unit is in one of them. */
export interface UnavailableBy {
  /** On quality hold: damaged, expired, recalled or to be looked at. */
  qualityHold: number;
  /** Kept back from customers. */
  safetyStock: number;
  /** Free, beside the safety stock, in a warehouse that is closed. */
  closed: number;
}

export interface StockByState extends StockView, StockStates {
  locations: (LocationView & StockStates)[];
}

/** Stock of one product now, with the units of each state. Null: no such product. */
export async function readStockByState(on: Queryable, sku: string): Promise<StockByState | null> {
  const row = await selectStockByState(on, sku);
  if (!row) return null;
  const locations = row.locations.map(({ unpaid, quality, safety, ...location }) => ({
    ...asLocationView(location),
    ...statesOf({ unpaid, quality, safety, ...location }),
  }));
  const sums = {
    committed: 0,
    unpaid: 0,
    unavailable: 0,
    unavailableBy: { qualityHold: 0, safetyStock: 0, closed: 0 },
  };
  for (const location of locations) {
    sums.committed += location.committed;
    sums.unpaid += location.unpaid;
    sums.unavailable += location.unavailable;
    sums.unavailableBy.qualityHold += location.unavailableBy.qualityHold;
    sums.unavailableBy.safetyStock += location.unavailableBy.safetyStock;
    sums.unavailableBy.closed += location.unavailableBy.closed;
  }
  return { ...stockViewOf(row.sku, locations, row.asOf), ...sums, locations };
}

function statesOf({ onHand, reserved, available, unpaid, quality, safety }: StateRow): StockStates {
  const unavailableBy = {
    qualityHold: quality,
    safetyStock: safety,
    closed: onHand - reserved - safety - available,
  };
  const unavailable = quality + safety + unavailableBy.closed;
  return { committed: reserved - unpaid - quality, unpaid, unavailable, unavailableBy };
}

/**
 * Whether what the ledger says of a time is final. Asked before it is read.
 *
 * @param asOf RFC 3339, to the microsecond
 * @returns the time in UTC, with microseconds
 * @throws ASOF_IN_FUTURE by PostgreSQL's clock; ASOF_BEFORE_RETENTION for a time whose ledger was dropped
 *   (LEDGER_RETENTION_MONTHS)
 */
export async function checkAsOf(on: Queryable, asOf: string): Promise<{ asOf: string; final: boolean }> {
  const { at, isInFuture, final, horizon, isBeforeHorizon } = await selectAsOf(on, asOf);
  if (isInFuture) throw new AppError('ASOF_IN_FUTURE', 'This time has not come yet.');
  if (isBeforeHorizon)
    throw new AppError('ASOF_BEFORE_RETENTION', `The ledger is kept from ${horizon} on.`, { horizon });
  return { asOf: at, final };
}

/**
 * The same as the ledger has it at `asOf`. Null: no such product. An answer that is `final` stays as it is: later ones for the same
 * time have the same units. One that is not final has what was committed; all of each transaction or nothing.
 *
 * @param asOf RFC 3339, to the microsecond
 * @throws what `checkAsOf` throws
 */
export async function readStockAsOf(on: Queryable, sku: string, asOf: string): Promise<PastStockView | null> {
  const { final } = await checkAsOf(on, asOf);
  const row = await selectStockAsOf(on, sku, asOf);
  return row ? { ...stockViewOf(row.sku, row.locations.map(asLocationView), row.asOf), final } : null;
}

/** A product's stock with the sums over its locations. */
export function stockViewOf(sku: string, locations: LocationView[], asOf: string): StockView {
  const sums = { onHand: 0, reserved: 0, available: 0, inTransit: 0 };
  for (const location of locations) {
    sums.onHand += location.onHand;
    sums.reserved += location.reserved;
    sums.available += location.available;
    sums.inTransit += location.incoming;
  }
  return { sku, ...sums, locations, asOf };
}

function asLocationView({
  lowStockThreshold,
  ...counters
}: Omit<LocationRow, 'open'> & { open?: boolean }): LocationView {
  return { ...counters, status: stockStatus(counters.available, lowStockThreshold) };
}
