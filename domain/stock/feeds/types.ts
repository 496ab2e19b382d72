/** `set`: quantities are what is on hand; `delta`: what is added or taken. */
export const FEED_MODES = ['set', 'delta'] as const;
export type FeedMode = (typeof FEED_MODES)[number];

export type FeedFormat = 'csv' | 'ndjson';

/** What may stand before decimals. */
export const DECIMAL_MARKS = ['.', ','] as const;
export type DecimalMark = (typeof DECIMAL_MARKS)[number];

/** How the bytes of a feed stand for text. */
export const FEED_CHARSETS = ['utf-8', 'utf-16', 'utf-16le', 'utf-16be', 'windows-1252'] as const;
export type FeedCharset = (typeof FEED_CHARSETS)[number];

export type FeedField = 'sku' | 'location' | 'lot' | 'quantity' | 'reason' | 'reference' | 'asOf';

/** A row of a feed that could be understood. Whether its product and location exist is seen later. */
export interface FeedRow {
  line: number;
  sku: string;
  location: string;
  /** Undefined: the row names none. */
  lot?: string;
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
  quantity: string | null;
  code: RejectCode;
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
  'LOT_NOT_TEXT',
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
  format: FeedFormat;
  /** Of rows that name none. */
  location: string | null;
  /** What stands before decimals; the other mark then groups thousands. Undefined: the feed does not say. */
  decimal?: DecimalMark | undefined;
  /** As declared. Undefined: it is UTF-8, or begins with a byte order mark. */
  charset?: FeedCharset | undefined;
}

/** What has become of the rows of a feed. */
export interface FeedCounts {
  /** Changed a counter. */
  applied: number;
  /** Said what was so already. */
  unchanged: number;
  rejected: number;
}

/** `resolved`: products and locations of every row were looked up. */
export const FEED_STAGES = ['staged', 'resolved'] as const;
export type FeedStage = (typeof FEED_STAGES)[number];

/** Where a feed stands. */
export interface FeedState extends FeedCounts {
  id: number;
  mode: FeedMode;
  /** Rows that were read. */
  lines: number;
  /** Rows that name a lot. */
  lotLines: number;
  stage: FeedStage;
  /** The line of a quote that is not closed: nothing was read from there on. Null: all of it was read. */
  unreadFrom: number | null;
  /** Lanes that have rows left to apply. */
  openLanes: number[];
}

/** A part of a feed's numbered rows: those after `position`, up to `lastSeq`, are left. */
export interface Lane {
  feedId: number;
  lane: number;
  /** Its rows name lots. */
  byLot: boolean;
  position: number;
  lastSeq: number;
}
