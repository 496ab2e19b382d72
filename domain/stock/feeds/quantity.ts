import { readJsonNumber, readNumber, type WrittenNumber } from '../../uploads/number';
import type { DecimalMark } from '../../uploads/types';
import type { FeedMode, RejectCode } from './types';

export const MAX_QUANTITY = 2_147_483_647;
const MAX_DIGITS = 10;

/** What is wrong with a quantity. `reason` replaces the code's own where there is more to say. */
export interface QuantityFault {
  code: RejectCode;
  reason?: string;
}

export interface QuantityOptions {
  mode: FeedMode;
  /** The mark that the feed declares to stand before decimals; the other one then groups thousands. Undefined: it declares none. */
  decimal?: DecimalMark | undefined;
}

const DIGITS = /^\d{1,9}$/;
/** The apostrophe that our CSV files have before what a spreadsheet would take for a formula. No notation of numbers begins so. */
const ESCAPED_SIGN = /^'(?=[+-])/;
const WORDS = { what: 'quantity', alone: 'units are counted here' };

/** A quantity as people and programs write it (`readNumber`), or what is wrong with it. Decimals have to be zeros. */
export function parseQuantity(text: string, { mode, decimal }: QuantityOptions): number | QuantityFault {
  if (DIGITS.test(text)) return Number(text);
  if (text === '') return { code: 'QUANTITY_MISSING' };
  const written = readNumber(text.replace(ESCAPED_SIGN, ''), decimal, WORDS);
  if ('code' in written) return { ...written, code: `QUANTITY_${written.code}` };
  return quantityOf(written, mode);
}

/** A JSON number, as its text says: it is taken as it is, and never rounded. */
export function parseJsonNumber(text: string, mode: FeedMode): number | QuantityFault {
  const written = readJsonNumber(text, MAX_DIGITS);
  return written ? quantityOf(written, mode) : { code: 'QUANTITY_OVERFLOW' };
}

function quantityOf({ isNegative, whole, decimals }: WrittenNumber, mode: FeedMode): number | QuantityFault {
  if (/[1-9]/.test(decimals)) return { code: 'QUANTITY_FRACTION' };
  const amount = Number(whole);
  if (amount > MAX_QUANTITY) return { code: 'QUANTITY_OVERFLOW' };
  if (!isNegative || amount === 0) return amount;
  return mode === 'set' ? { code: 'QUANTITY_NEGATIVE' } : -amount;
}
