/** Modes of an upload of stock levels. `set`: quantities are what is on hand; `delta`: what is added or taken. */
export const STOCK_MODES = ['set', 'delta'] as const;
/** Modes of an upload of products: `create` and `update` do one of both only. */
export const PRODUCT_MODES = ['upsert', 'create', 'update'] as const;
/** Modes of an upload that the money ledger is compared with: what a gateway has done, and what came in at a bank. */
export const STATEMENT_MODES = ['gateway', 'bank'] as const;
export const UPLOAD_MODES = [...STOCK_MODES, ...PRODUCT_MODES, ...STATEMENT_MODES] as const;
export type UploadMode = (typeof UPLOAD_MODES)[number];

export type UploadFormat = 'csv' | 'ndjson';

/** What may stand before decimals. */
export const DECIMAL_MARKS = ['.', ','] as const;
export type DecimalMark = (typeof DECIMAL_MARKS)[number];

/** How the bytes of an upload stand for text. */
export type UploadCharset = 'utf-8' | 'utf-16' | 'utf-16le' | 'utf-16be' | 'windows-1252';

/** What has become of the rows of an upload. */
export interface UploadCounts {
  /** Changed a counter, or a product. */
  applied: number;
  /** Said what was so already. */
  unchanged: number;
  rejected: number;
}

/** `resolved`: what every row is about was looked up. */
export const UPLOAD_STAGES = ['staged', 'resolved'] as const;
export type UploadStage = (typeof UPLOAD_STAGES)[number];

/** Where the work on an upload stands. */
export interface UploadState extends UploadCounts {
  id: number;
  mode: UploadMode;
  /** Of those that were applied: products that were made. */
  added: number;
  /** Rows that were read. */
  lines: number;
  /** Rows of stock levels that name a lot. */
  lotLines: number;
  stage: UploadStage;
  /** The line of a quote that is not closed: nothing was read from there on. Null: all of it was read. */
  unreadFrom: number | null;
  /** Lanes that have rows left to apply. */
  openLanes: number[];
}

/** A part of an upload's numbered rows: those after `position`, up to `lastSeq`, are left. */
export interface Lane {
  feedId: number;
  lane: number;
  /** Its rows name lots. */
  byLot: boolean;
  position: number;
  lastSeq: number;
}
