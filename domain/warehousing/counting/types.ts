/** `open`: being counted; `review`: somebody must decide about a variance; `closed`: every line is decided. */
export const SHEET_STATUSES = ['open', 'review', 'closed'] as const;
export type SheetStatus = (typeof SHEET_STATUSES)[number];

export const LINE_STATUSES = ['open', 'counted', 'review', 'approved', 'rejected'] as const;
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
  /** What the ledger moved between the sheet and the count. */
  moved: number | null;
  /** counted - (expected + moved). */
  variance: number | null;
  /** 1, and one more for each recount. */
  round: number;
  countedBy: string | null;
  countedAt: string | null;
  decidedBy: string | null;
  /** Why an approval could not be carried out: BELOW_RESERVED, QUANTITY_OVERFLOW. */
  code: string | null;
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
