import type { DecimalMark, PRODUCT_MODES, UploadCharset, UploadFormat } from '../uploads/types';

/** `create` and `update` do one of both only: other rows are rejected. */
export type ProductMode = (typeof PRODUCT_MODES)[number];

/** What an empty field of CSV means. `clear`: it empties what may be empty, and is rejected where nothing may be. */
export const EMPTY_CELLS = ['leave', 'clear'] as const;
export type EmptyCell = (typeof EMPTY_CELLS)[number];

/** Columns that are known, in the order in which rejects have them. */
export const IMPORT_FIELDS = [
  'sku',
  'name',
  'description',
  'category',
  'price',
  'priceMinor',
  'currency',
  'active',
  'archived',
  'tracking',
] as const;
export type ImportField = (typeof IMPORT_FIELDS)[number];

export interface ImportOptions {
  mode: ProductMode;
  format: UploadFormat;
  /** As declared. Undefined: it is UTF-8, or begins with a byte order mark. */
  charset?: UploadCharset | undefined;
  /** What stands before decimals of prices. Undefined: the upload does not say. */
  decimal?: DecimalMark | undefined;
  /** Of prices whose rows name none, ISO 4217. */
  currency?: string | undefined;
  /** Of CSV; in JSON lines what is empty is cleared. */
  empty: EmptyCell;
}

/** A price as it was given: in minor units, or in major ones, whose digits depend on the currency. */
export interface GivenPrice {
  unit: 'minor' | 'major';
  /** Digits. */
  whole: string;
  /** Digits, without zeros at the end. */
  decimals: string;
}

/** What a row says of its product; what is absent stays as it is. */
export interface GivenFields {
  name?: string;
  description?: string;
  /** Code of its category; null: none. */
  category?: string | null;
  price?: GivenPrice;
  currency?: string;
  active?: boolean;
  tracking?: { lots: boolean; serials: boolean };
}

/** A row as it was read. */
export interface ReadRow {
  line: number;
  sku: string | null;
  /** By column, as it was given. */
  given: Partial<Record<ImportField, string>>;
}

export interface ImportRow extends ReadRow {
  sku: string;
  fields: GivenFields;
}

export interface ImportReject extends ReadRow {
  code: RejectCode;
  reason: string;
}

/** Why a row is rejected: part of the contract of the rejects file, and told in docs/product-import.md. */
export const REJECT_CODES = [
  'LINE_TOO_LONG',
  'QUOTE_BROKEN',
  'QUOTE_UNCLOSED',
  'COLUMN_COUNT',
  'JSON_INVALID',
  'MEMBER_DUPLICATE',
  'SKU_MISSING',
  'SKU_INVALID',
  'VALUE_SPOILT',
  'SKU_NOT_TEXT',
  'VALUE_MISSING',
  'VALUE_NOT_TEXT',
  'NAME_INVALID',
  'NAME_MISSING',
  'DESCRIPTION_INVALID',
  'CATEGORY_INVALID',
  'PRICE_INVALID',
  'PRICE_AMBIGUOUS',
  'PRICE_FRACTION',
  'PRICE_NEGATIVE',
  'PRICE_OVERFLOW',
  'PRICE_MISSING',
  'CURRENCY_INVALID',
  'CURRENCY_MISSING',
  'CURRENCY_NEEDS_PRICE',
  'ACTIVE_INVALID',
  'TRACKING_INVALID',
  'DUPLICATE_SKU',
  'SKU_APOSTROPHE',
  'SKU_CAPITALS',
  'SKU_UNCLEAR',
  'SKU_EXISTS',
  'UNKNOWN_SKU',
  'UNKNOWN_CATEGORY',
  'PRODUCT_HAS_STOCK',
  'ROW_FAILED',
] as const;
export type RejectCode = (typeof REJECT_CODES)[number];
