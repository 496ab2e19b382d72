import type { DecimalMark, STOCK_MODES, UploadCharset, UploadFormat } from '../../uploads/types';

/** `set`: quantities are what is on hand; `delta`: what is added or taken. */
export type FeedMode = (typeof STOCK_MODES)[number];

export type FeedField =
  'sku' | 'location' | 'lot' | 'expiresOn' | 'quantity' | 'reason' | 'reference' | 'asOf';

/** A row of a feed that could be understood. Whether its product and location exist is seen later. */
export interface FeedRow {
  line: number;
  sku: string;
  location: string;
  /** Undefined: the row names none. */
  lot?: string;
  /** The last day on which the lot may be sold, YYYY-MM-DD; undefined: the row does not say. */
  expiresOn?: string;
  quantity: number;
  reason: string | null;
  reference: string | null;
  /** As of when the quantity of a `set` row is true, RFC 3339; undefined: as of the feed's time. */
  asOf?: string;
}

/** A row of a feed that could not. */
export interface FeedReject {
  line: number;
  sku: string | null;
  location: string | null;
  lot: string | null;
  /** As it was given. */
  expiresOn: string | null;
  /** As it was given. */
  quantity: string | null;
  /** As it was given. Null: as of the feed's time. */
  asOf: string | null;
  reference: string | null;
  /** Why the stock changes, by the row. */
  rowReason: string | null;
  code: RejectCode;
  /** Why it is rejected. */
  reason: string;
}

/** Why a row is rejected: part of the contract of the rejects file, and told in docs/feed-import.md. */
export const REJECT_CODES = [
  'LINE_TOO_LONG',
  'QUOTE_BROKEN',
  'QUOTE_UNCLOSED',
  'COLUMN_COUNT',
  'JSON_INVALID',
  'MEMBER_DUPLICATE',
  'SKU_MISSING',
  'SKU_INVALID',
  'SKU_NOT_TEXT',
  'LOCATION_MISSING',
  'LOCATION_INVALID',
  'LOCATION_NOT_TEXT',
  'LOT_INVALID',
  'VALUE_SPOILT',
  'LOT_NOT_TEXT',
  'EXPIRY_INVALID',
  'QUANTITY_MISSING',
  'QUANTITY_INVALID',
  'QUANTITY_AMBIGUOUS',
  'QUANTITY_FRACTION',
  'QUANTITY_NEGATIVE',
  'QUANTITY_OVERFLOW',
  'ASOF_INVALID',
  'ASOF_IN_FUTURE',
  'ASOF_BEFORE_RETENTION',
  'UNKNOWN_SKU',
  'UNKNOWN_LOCATION',
  'SKU_AMBIGUOUS',
  'LOCATION_AMBIGUOUS',
  'LOT_AMBIGUOUS',
  'LOT_MISSING',
  'LOT_NOT_TRACKED',
  'LOT_EXPIRY_MISMATCH',
  'LOT_EXPIRY_CONFLICTING',
  'SERIAL_TRACKED',
  'CONFLICTING',
  'SUPERSEDED',
  'OVERTAKEN',
  'WOULD_GO_NEGATIVE',
  'BELOW_RESERVED',
  'ROW_FAILED',
] as const;
export type RejectCode = (typeof REJECT_CODES)[number];

export interface FeedOptions {
  mode: FeedMode;
  format: UploadFormat;
  /** Of rows that name none. */
  location: string | null;
  /** What stands before decimals; the other mark then groups thousands. Undefined: the feed does not say. */
  decimal?: DecimalMark | undefined;
  /** As declared. Undefined: it is UTF-8, or begins with a byte order mark. */
  charset?: UploadCharset | undefined;
}
