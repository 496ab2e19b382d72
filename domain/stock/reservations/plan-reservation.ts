import type { Warehouse } from '../../catalog/types';
import type { Allocation, OwnReference, StockKey, StockLevel } from '../ledger/types';
import { rankWarehouses, sourceLines, type RankedWarehouse, type SourcingPlan } from '../sourcing/rules';
import type { ShipTo, Shortage, SourcingDecision, SourcingStrategy } from '../sourcing/types';
import type { CandidateRow } from './queries';

/** Stock that is to be reserved: an order's first reservation, or one without an order. */
export interface ReservationRequest {
  /** Of the reservation. The same id again gets the outcome it got first. */
  reservationId: string;
  kind: 'order' | 'hold';
  orderId: string | null;
  /** Each SKU once. */
  lines: readonly { sku: string; quantity: number }[];
  shipTo: ShipTo | null;
  /** Absent: as the settings say. */
  sourcing?: SourcingStrategy | undefined;
  /** `complete`: all or nothing; `partial`: what there is; `backorder`: what there is, and the rest waits. */
  mode: 'complete' | 'partial' | 'backorder';
  holdSeconds: number;
  /** When it falls due, instead of `holdSeconds` from now. */
  expiresAt?: Date | null;
  /** Code of the one warehouse it may be taken from. */
  warehouse?: string | null;
  /** The caller who asks for it. */
  owner?: string | undefined;
  /** What the caller calls the thing it reserves stock for. */
  reference?: string | null;
  /** What the caller calls the reservation. */
  own?: OwnReference | null;
  /** `charging` when a charge follows at once, so that the reservation cannot expire before it. */
  status: 'pending' | 'charging';
}

export interface ProductSnapshot {
  productId: number;
  sku: string;
  priceMinor: number;
  /** ISO 4217. */
  currency: string;
}

/** What was decided for one request. */
export interface ReservationPlan<Request extends ReservationRequest = ReservationRequest> {
  request: Request;
  outcome: 'reserved' | 'short' | 'refused';
  /** Why it can never be reserved. */
  refusal: Refusal | null;
  /** Taken from the stock; empty unless `reserved`. */
  allocations: Allocation[];
  /** Units of each product that no warehouse has. */
  missing: ReadonlyMap<number, number>;
  shortages: Shortage[];
  decisions: SourcingDecision[];
  /** By SKU. */
  products: ReadonlyMap<string, ProductSnapshot>;
}

export interface Refusal {
  code:
    | 'UNKNOWN_SKU'
    | 'UNKNOWN_LOCATION'
    | 'MIXED_CURRENCIES'
    | 'PRICE_NOT_CHARGEABLE'
    | 'BACKORDER_LIMIT'
    | 'UNPAID_LIMIT'
    | 'REFERENCE_REUSED';
  detail: string;
  /** Figures that belong to the code. */
  details?: Readonly<Record<string, unknown>>;
}

/** Products of a batch and the stock rows they have in open warehouses, as read without locks. */
export class Candidates {
  readonly products = new Map<string, ProductSnapshot>();
  readonly stock = new Availability();
  private readonly expiries = new Map<string, string>();

  constructor(
    rows: readonly CandidateRow[],
    readonly warehouses: readonly Warehouse[],
  ) {
    for (const row of rows) {
      if (!row.active) continue;
      const { sku, productId, priceMinor, currency } = row;
      this.products.set(sku, { sku, productId, priceMinor, currency });
      if (row.isOpen) this.stock.set(row, row.available);
      if (row.expiresOn !== null) this.expiries.set(`${productId}:${row.warehouseId}`, row.expiresOn);
    }
  }

  /** The soonest expiry of what may be sold of a product in a warehouse; null: it does not expire. */
  expiryOf = (productId: number, warehouseId: number): string | null =>
    this.expiries.get(`${productId}:${warehouseId}`) ?? null;

  /** Rows that a request may take from, as far as they exist. */
  rowsOf(request: Pick<ReservationRequest, 'lines' | 'warehouse'>): StockKey[] {
    const wanted = new Set(request.lines.map(({ sku }) => this.products.get(sku)?.productId));
    const keys = this.stock.keys().filter((key) => wanted.has(key.productId));
    if (!request.warehouse) return keys;
    const places = new Set(this.placesOf(request).map((warehouse) => warehouse.id));
    return keys.filter((key) => places.has(key.warehouseId));
  }

  /** Rows of a request that do not exist yet. Also in closed warehouses: one may be opening. */
  missingRowsOf(request: ReservationRequest): StockKey[] {
    const places = this.placesOf(request);
    return request.lines.flatMap(({ sku }) => {
      const product = this.products.get(sku);
      if (!product) return [];
      const keys = places.map((warehouse) => ({ productId: product.productId, warehouseId: warehouse.id }));
      return keys.filter((key) => !this.stock.has(key));
    });
  }

  /** Warehouses that a request may be taken from, also inactive ones. */
  placesOf({ warehouse: only }: Pick<ReservationRequest, 'warehouse'>): readonly Warehouse[] {
    return only ? this.warehouses.filter(({ code }) => code === only) : this.warehouses;
  }
}

/** Units that may be taken, by stock row. */
export class Availability {
  private readonly units = new Map<number, Map<number, number>>();

  /** @param open warehouses that orders are placed from; of the others nothing may be taken */
  static of(levels: readonly StockLevel[], open: ReadonlySet<number>): Availability {
    const made = new Availability();
    for (const level of levels) made.set(level, open.has(level.warehouseId) ? level.available : 0);
    return made;
  }

  set({ productId, warehouseId }: StockKey, available: number): void {
    const row = this.units.get(productId) ?? new Map<number, number>();
    this.units.set(productId, row.set(warehouseId, available));
  }

  get = (productId: number, warehouseId: number): number => this.units.get(productId)?.get(warehouseId) ?? 0;

  has({ productId, warehouseId }: StockKey): boolean {
    return this.units.get(productId)?.has(warehouseId) ?? false;
  }

  keys(): StockKey[] {
    return [...this.units].flatMap(([productId, row]) =>
      [...row.keys()].map((warehouseId) => ({ productId, warehouseId })),
    );
  }

  take(allocations: readonly Allocation[]): void {
    for (const allocation of allocations) {
      this.set(allocation, this.get(allocation.productId, allocation.warehouseId) - allocation.quantity);
    }
  }
}

/** Decides one request against what is available. Takes nothing: the caller does, once the plan stands. */
export function planReservation<Request extends ReservationRequest>(
  request: Request,
  candidates: Candidates,
  available: Availability,
  usual: SourcingStrategy,
  ranking: RankingCache,
): ReservationPlan<Request> {
  const strategy = request.sourcing ?? usual;
  const products = new Map<string, ProductSnapshot>();
  for (const { sku } of request.lines) {
    const product = candidates.products.get(sku);
    if (product) products.set(sku, product);
  }
  const refusal = refusalOf(request, candidates, products);
  if (refusal) return refusedPlan({ request, products }, refusal);
  const lines = request.lines.flatMap(({ sku, quantity }) => {
    const product = products.get(sku);
    return product ? [{ sku, quantity, productId: product.productId }] : [];
  });
  const everywhere = ranking.of(request.shipTo, strategy);
  const only = request.warehouse;
  const ranked = only ? everywhere.filter(({ warehouse }) => warehouse.code === only) : everywhere;
  // What was not locked was still looked at, and belongs to the reasons.
  const seen = (productId: number, warehouseId: number) =>
    (available.has({ productId, warehouseId }) ? available : candidates.stock).get(productId, warehouseId);
  const plan: SourcingPlan = sourceLines({
    lines,
    ranked,
    strategy,
    available: available.get,
    seen,
    expiry: candidates.expiryOf,
  });
  const shortages = lines.flatMap(({ sku, productId, quantity }) => {
    const lacking = plan.missing.get(productId) ?? 0;
    return lacking > 0 ? [{ sku, requested: quantity, available: quantity - lacking }] : [];
  });
  const isReserved =
    request.mode === 'complete'
      ? shortages.length === 0
      : plan.allocations.length > 0 || request.mode === 'backorder';
  // Named one by one: spread from an object they took longer than all of the planning.
  return {
    request,
    products,
    refusal,
    outcome: isReserved ? 'reserved' : 'short',
    allocations: isReserved ? plan.allocations : [],
    missing: plan.missing,
    shortages,
    decisions: isReserved ? plan.decisions : plan.decisions.map(withoutTaking),
  };
}

/** The plan of a request that is refused: it takes nothing and leaves nothing missing. */
export function refusedPlan<Request extends ReservationRequest>(
  { request, products }: Pick<ReservationPlan<Request>, 'request' | 'products'>,
  refusal: Refusal,
): ReservationPlan<Request> {
  const nothing = { allocations: [], missing: new Map<number, number>(), shortages: [], decisions: [] };
  return { request, products, refusal, outcome: 'refused', ...nothing };
}

/** Products that are not sold in one currency have no total, so they cannot be one order. */
function refusalOf(
  request: ReservationRequest,
  candidates: Candidates,
  products: ReadonlyMap<string, ProductSnapshot>,
): Refusal | null {
  const unknown = request.lines.filter(({ sku }) => !products.has(sku)).map(({ sku }) => sku);
  if (unknown.length > 0)
    return { code: 'UNKNOWN_SKU', detail: `There is no product ${unknown.join(', ')}.` };
  if (request.warehouse && candidates.placesOf(request).length === 0)
    return { code: 'UNKNOWN_LOCATION', detail: `There is no location ${request.warehouse}.` };
  if (request.kind === 'hold') return null;
  const currencies = new Set([...products.values()].map((product) => product.currency));
  if (currencies.size > 1) {
    return { code: 'MIXED_CURRENCIES', detail: `The items are sold in ${[...currencies].join(' and ')}.` };
  }
  return null;
}

function withoutTaking(decision: SourcingDecision): SourcingDecision {
  return { ...decision, candidates: decision.candidates.map((candidate) => ({ ...candidate, taken: 0 })) };
}

/** Rankings of the warehouses by destination, made once per batch. */
export class RankingCache {
  private readonly made = new Map<string, RankedWarehouse[]>();

  constructor(private readonly warehouses: readonly Warehouse[]) {}

  of(shipTo: ShipTo | null, strategy: SourcingStrategy): RankedWarehouse[] {
    // All but one rank alike.
    const key = JSON.stringify([shipTo, strategy === 'priority']);
    const known = this.made.get(key);
    if (known) return known;
    const ranked = rankWarehouses(this.warehouses, shipTo, strategy);
    this.made.set(key, ranked);
    return ranked;
  }
}
