import type { ReservedUnits } from '../../stock/reservations/types';

/**
 * `open`: being counted; `review`: somebody must decide about a variance; `resolving`: approved, and units that were not found are still
 * promised; `closed`: every line is decided.
 */
export const SHEET_STATUSES = ['open', 'review', 'resolving', 'closed'] as const;
export type SheetStatus = (typeof SHEET_STATUSES)[number];

/**
 * `resolving`: approved although less was found than is reserved; it is `approved`, and the number right, once the units that were not
 * found are promised to nobody: parcels that have them are being stopped. `superseded`: a newer absolute number of the stock row is
 * known, so that this one changes nothing.
 */
export const LINE_STATUSES = [
  'open',
  'counted',
  'review',
  'resolving',
  'approved',
  'rejected',
  'superseded',
] as const;
export type LineStatus = (typeof LINE_STATUSES)[number];

/** Statuses of a line whose units were counted and compared with the ledger. */
export const COMPARED_LINE_STATUSES = [
  'counted',
  'review',
  'resolving',
  'approved',
] as const satisfies readonly LineStatus[];

export interface CountLineView {
  sku: string;
  status: LineStatus;
  /** On hand when the sheet was made. On a blind sheet null, like `moved` and `variance`, until it is submitted. */
  expected: number | null;
  counted: number | null;
  /** What the ledger moved between the sheet and the time of the count. */
  moved: number | null;
  /** counted - (expected + moved): the count less what the ledger says was on hand as of `countedAt`. */
  variance: number | null;
  /** 1, and one more for each recount. */
  round: number;
  countedBy: string | null;
  /** As of when the count is true. */
  countedAt: string | null;
  decidedBy: string | null;
  /** Why an approval could not be carried out. */
  code: LineProblem | null;
  /** With BELOW_RESERVED: what reserves the units, as it stood then; unpaid ones first, then the newest. */
  reservations: ReservedUnits[] | null;
  /** How many there were; `reservations` names at most 100. */
  reservationCount: number | null;
  /** While it is `resolving`. */
  resolving: ResolvingView | null;
  /** Of a product that is kept by lot: those of the sheet, and those that were found. */
  lots: CountedLotView[] | null;
  /** Of a product with serial numbers, once it is counted. On a blind sheet without what is missing and found until it is submitted. */
  serials: CountedSerialsView | null;
}

export interface ResolvingView {
  /** The quality hold of the units that were not found. */
  holdId: string;
  /** Units that were not found. */
  missing: number;
  /** Of these, still promised to somebody. */
  awaited: number;
  /** Parcels of the product that are being stopped there, at most 20 of `parcelCount`. */
  parcels: { shipmentId: string; orderId: string }[];
  parcelCount: number;
}

export interface CountedLotView {
  code: string;
  /** On hand when the sheet was made; 0: the lot was not on it. */
  expected: number | null;
  counted: number | null;
  /** counted, less what the ledger says of the lot as of `countedAt`; 0 of one that is superseded. */
  variance: number | null;
  /** A later absolute number of this lot is known: nothing of it is changed. */
  superseded: boolean;
}

export interface CountedSerialsView {
  /** Read off. */
  counted: string[];
  /** There by the ledger as of `countedAt`, and not read off. */
  missing: string[] | null;
  /** The other way round. */
  found: string[] | null;
}

/**
 * `SERIAL_ELSEWHERE`: a number that was found has turned up elsewhere since; `LOT_BLOCKED`, `SERIAL_BLOCKED`, `SERIAL_PACKED`: a unit
 * that is not there is on hold, or packed.
 */
export type LineProblem =
  | 'BELOW_RESERVED'
  | 'WOULD_GO_NEGATIVE'
  | 'QUANTITY_OVERFLOW'
  | 'ASOF_BEFORE_RETENTION'
  | 'LOT_BLOCKED'
  | 'SERIAL_BLOCKED'
  | 'SERIAL_PACKED'
  | 'SERIAL_ELSEWHERE';

/** What was found of a product. */
export interface Counted {
  sku: string;
  /** Where `lots` or `serials` tell it, it may be left out. */
  counted?: number | undefined;
  /** Of a product that is kept by lot: all that are there, and those of the sheet that are not. */
  lots?: readonly CountedLot[] | undefined;
  /** Of a product with serial numbers: those that were read off. */
  serials?: readonly string[] | undefined;
  /** As of when, RFC 3339; by default when the request began. */
  countedAt?: string | undefined;
}

export interface CountedLot {
  code: string;
  counted: number;
  /** YYYY-MM-DD, of a lot that the product never had. */
  expiresOn?: string | undefined;
}

export interface SheetView {
  id: string;
  location: string;
  status: SheetStatus;
  blind: boolean;
  /** Units a line may be off by and is still approved by itself. */
  tolerance: number;
  lines: CountLineView[];
  actor: string;
  createdAt: string;
  submittedAt: string | null;
  closedAt: string | null;
}

export interface NewSheet {
  sheetId: string;
  /** Warehouse code. */
  location: string;
  /** What is counted: these products, those of a category, or with neither all that the location has a stock row of. */
  skus?: readonly string[] | undefined;
  category?: string | undefined;
  blind: boolean;
  tolerance: number;
  actor: string;
}

declare module '../../../platform/database/outbox' {
  interface OutboxTopics {
    /** Takes a count on that awaits units which are promised. */
    'count.settle': 'sheetId';
  }
}
