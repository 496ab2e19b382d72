import type { ReservedUnits } from '../../stock/reservations/types';

/** `open`: being counted; `review`: somebody must decide about a variance; `closed`: every line is decided. */
export const SHEET_STATUSES = ['open', 'review', 'closed'] as const;
export type SheetStatus = (typeof SHEET_STATUSES)[number];

/** `superseded`: a newer absolute number of the stock row is known, so that this one changes nothing. */
export const LINE_STATUSES = ['open', 'counted', 'review', 'approved', 'rejected', 'superseded'] as const;
export type LineStatus = (typeof LINE_STATUSES)[number];

/** Statuses of a line whose units were counted and compared with the ledger. */
export const COMPARED_LINE_STATUSES = [
  'counted',
  'review',
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
}

export type LineProblem =
  'BELOW_RESERVED' | 'WOULD_GO_NEGATIVE' | 'QUANTITY_OVERFLOW' | 'ASOF_BEFORE_RETENTION';

/** What was found of a product. */
export interface Counted {
  sku: string;
  counted: number;
  /** As of when, RFC 3339; by default when the request began. */
  countedAt?: string | undefined;
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
