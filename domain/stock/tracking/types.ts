/** What a product keeps beside counts. */
export interface TrackedProduct {
  productId: number;
  sku: string;
  /** ISO 4217, of its price. */
  currency: string;
  lotTracked: boolean;
  serialised: boolean;
}

/** As much of it as one must know who names its units. */
export type NamedProduct = Omit<TrackedProduct, 'currency'>;

/** Units of one lot that an entry of the ledger brings or takes. */
export interface LotMove {
  productId: number;
  warehouseId: number;
  code: string;
  /** YYYY-MM-DD; null: it does not expire. */
  expiresOn: string | null;
  /** Signed. */
  units: number;
}

/** A lot at a place as an absolute number, or units that move in or out of it, meet it. */
export interface LotNumberFacts {
  /** Of what was asked, from 1. */
  place: number;
  /** As of when the number takes effect: RFC 3339, UTC, with microseconds. */
  asOf: string;
  /** The product is kept by lot. */
  lotTracked: boolean;
  serialised: boolean;
  /** Null: there is no such lot at the place. */
  lotId: number | null;
  /** The lot, wherever its units are; null: it is new. */
  known: { expiresOn: string | null } | null;
  quantity: number;
  /** Of `quantity`, on quality hold or packed. */
  kept: number;
  /** Units moved by everything that takes effect after the number's time. */
  movedAfter: number;
  /** The lot, or its place, has an absolute number as of a later time. */
  isOvertaken: boolean;
  inFuture: boolean;
  /** Entries before its time are known as a sum only. */
  isFolded: boolean;
}

/** The entry of the ledger on whose behalf lots or serial numbers move. */
export interface MovingEntry {
  kind: string;
  effectId: string;
  /** The receipt that units came with; `effectId` unless given, of an entry of kind `receipt`. */
  receiptId?: string;
  orderId: string | null;
  reference: string | null;
}

/** A lot of a product, wherever its units are. */
export interface LotMasterView {
  sku: string;
  /** As it was first given. */
  code: string;
  /** YYYY-MM-DD: the last day on which it may be sold; null: it does not expire. */
  expiresOn: string | null;
  expired: boolean;
  /** Null: it is not recalled. */
  recall: { at: string; reason: string; by: string } | null;
  /** Of all places. */
  quantity: number;
  held: number;
  /** What was changed of it by hand, oldest first. */
  changes: LotChangeView[];
}

export const LOT_CHANGES = ['expiry', 'recall', 'recall_ended'] as const;

export interface LotChangeView {
  at: string;
  change: (typeof LOT_CHANGES)[number];
  /** Of an expiry: the day before and after. */
  before: string | null;
  after: string | null;
  reason: string;
  actor: string;
}

export interface LotView {
  code: string;
  warehouse: string;
  /** YYYY-MM-DD: the last day on which it may be sold; null: it does not expire. */
  expiresOn: string | null;
  expired: boolean;
  quantity: number;
  /** Of `quantity`, on quality hold. */
  held: number;
}

export const SERIAL_STATUSES = ['in_stock', 'in_transit', 'shipped', 'written_off', 'removed'] as const;
export type SerialStatus = (typeof SERIAL_STATUSES)[number];

/** The unit is nowhere: its number may come in again. */
export const GIVEN_UP_SERIAL_STATUSES = ['removed', 'written_off'] as const satisfies readonly SerialStatus[];

export function isGivenUp(status: SerialStatus): boolean {
  return (GIVEN_UP_SERIAL_STATUSES as readonly SerialStatus[]).includes(status);
}

export interface SerialView {
  serial: string;
  sku: string;
  /** Where it is, or was last. */
  warehouse: string;
  status: SerialStatus;
  receiptId: string | null;
  /** The order it went out with. */
  orderId: string | null;
  createdAt: string;
  updatedAt: string;
}

export interface LotMovementView {
  at: string;
  warehouse: string;
  /** Of the entry of the ledger. */
  kind: string;
  /** Signed. */
  quantity: number;
  /** It was recalled, on hold or past its last day when it left. */
  blocked: boolean;
  orderId: string | null;
  reference: string | null;
}

export interface SerialMovementView {
  at: string;
  /** Of the entry of the ledger; `exchange`: another number was in the parcel it had been taken for. */
  kind: string;
  warehouse: string;
  orderId: string | null;
  /** Somebody read it off; false: it was taken as the oldest. */
  named: boolean;
}

/** What a caller read off the units that an entry of the ledger moves. Units that are not named are chosen by rule. */
export interface NamedUnits {
  /** Each once. */
  serials?: readonly string[] | undefined;
  /** Each code once. */
  lots?: readonly NamedLot[] | undefined;
}

export interface NamedLot {
  code: string;
  quantity: number;
  /** YYYY-MM-DD, of a lot that comes in; absent: as it is known, or it does not expire. */
  expiresOn?: string | undefined;
}

/** A serial number of a product, as the one who names it must know it. */
export interface KnownSerial {
  id: number;
  serial: string;
  status: SerialStatus;
  warehouseId: number;
  orderId: string | null;
  reference: string | null;
  /** On quality hold. */
  isHeld: boolean;
  /** Which it is on. */
  holdId: string | null;
  /** The parcel it is packed into, which has not left. */
  packedFor: string | null;
  /** Of its latest movement. */
  effectId: string;
  /** Somebody named it then; false: it was taken as the oldest. */
  named: boolean;
  /** It was blocked when that took it out with a parcel. */
  wasBlocked: boolean;
  /** The quality hold that it was taken off then. */
  leftHoldId: string | null;
  /** That took it out with a parcel that had been stopped. */
  leftAfterStop: boolean;
}

/** Where a serial number is to be from now on, whatever the rules of moving say. */
export interface PlacedSerial extends Pick<
  KnownSerial,
  'id' | 'status' | 'orderId' | 'reference' | 'effectId' | 'named' | 'wasBlocked' | 'leftHoldId'
> {
  /** The movement to note. */
  kind: 'ship' | 'exchange';
}

/** A parcel that has left, and who says what was in it. */
export interface LeftParcel {
  shipmentId: string;
  orderId: string;
  warehouseId: number;
  actor: string;
}

/** A lot at one place. */
export interface KnownLot {
  id: number;
  code: string;
  expiresOn: string | null;
  /** Units that are neither on quality hold nor packed. */
  free: number;
  /** Units on quality hold. */
  held: number;
  /** Its last day of sale has passed. */
  expired: boolean;
  recalled: boolean;
}
