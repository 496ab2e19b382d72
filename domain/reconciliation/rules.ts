import { isCurrency, minorDigits } from '../catalog/currencies';
import { readJsonNumber, readNumber, type WrittenNumber } from '../uploads/number';
import { cleanText, isUnfit, UNREADABLE_REASONS } from '../uploads/rules';
import type { DecimalMark } from '../uploads/types';
import { directionOf } from './bank-rows';
import { readDay, type DateOrder } from './dates';
import { kindOf, type StatementField } from './fields';
import type { StatementMode, StatementReject, StatementRow } from './types';

/** A value of a row: a text, or a number of JSON as it stands there. */
export interface Cell {
  kind: 'text' | 'number';
  text: string;
}

export interface GivenRow {
  line: number;
  cells: ReadonlyMap<StatementField, Cell>;
}

export interface CellOptions {
  mode: StatementMode;
  /** Amounts are in minor units. */
  isMinor: boolean;
  decimal: DecimalMark;
  currency: string | undefined;
  dateOrder?: DateOrder | undefined;
}

const REASONS = {
  ...UNREADABLE_REASONS,
  AMOUNT_MISSING: 'The row has no amount.',
  AMOUNT_INVALID: 'The amount is not a number.',
  AMOUNT_TOO_PRECISE: 'The amount has more decimals than its currency.',
  AMOUNT_TOO_LARGE: 'The amount is larger than can be told exactly.',
  CURRENCY_MISSING: 'The row has no currency, and none was named for the file.',
  CURRENCY_UNKNOWN: 'The currency is no code of ISO 4217.',
  DATE_MISSING: 'The row has no date.',
  AMOUNT_TWICE: 'The row has a debit and a credit.',
  AMOUNT_SIGN: 'The sign of the amount is not that of a credit.',
  DATE_INVALID: 'The date is none: write YYYY-MM-DD, a time of RFC 3339, or seconds since 1970.',
  DATE_AMBIGUOUS: 'The date can be read with the day or with the month first: name the order (dateOrder).',
  DIRECTION_UNKNOWN: 'What says whether it is a debit or a credit is neither.',
  SUMMED: 'The row looks like a balance or a total, and was left out.',
  KIND_MISSING: 'The row does not say what it is about.',
  REFERENCE_INVALID:
    'The reference is longer than 255 characters, or has some that do not belong on one line.',
} as const;
export type RejectCode = keyof typeof REASONS;

const PLAIN = /^(-?)(\d{1,15})(?:\.(\d{1,15}))?$/;
const MAX_REFERENCE = 255;
const MAX_DIGITS = 15;
const WORDS = { what: 'amount', alone: 'write the number alone, the currency has a column of its own' };

/** Why a row cannot be understood. @param reason where there is more to say */
export function reject(
  code: RejectCode,
  { line, cells }: GivenRow,
  reason: string = REASONS[code],
): StatementReject {
  return { line, code, reason, ref: cleanText(referenceIn(cells), MAX_REFERENCE) };
}

class Unreadable extends Error {
  constructor(
    readonly code: RejectCode,
    readonly reason?: string,
  ) {
    super(code);
  }
}

/** What a row says, or why that cannot be understood. */
export function checkRow(row: GivenRow, options: CellOptions): StatementRow | StatementReject {
  try {
    return readRow(row, options);
  } catch (error) {
    if (error instanceof Unreadable) return reject(error.code, row, error.reason);
    throw error;
  }
}

function readRow({ line, cells }: GivenRow, options: CellOptions): StatementRow {
  const text = (field: StatementField) => cells.get(field)?.text ?? '';
  const currency = currencyIn(text('currency'), options.currency);
  const amount = (field: StatementField, isMinor: boolean) => {
    const cell = cells.get(field);
    return cell === undefined || cell.text === ''
      ? null
      : minorIn(cell, isMinor ? 0 : minorDigits(currency), options);
  };
  const isOfGateway = options.mode === 'gateway';
  const said = amount('amountMinor', true) ?? amount('amount', options.isMinor);
  const minor = isOfGateway
    ? said
    : bankAmount(said, {
        debit: amount('debit', options.isMinor),
        credit: amount('credit', options.isMinor),
        direction: text('direction'),
        kind: text('kind'),
      });
  if (minor === null) throw new Unreadable('AMOUNT_MISSING');
  const day = dayIn(text('dateUtc') || text('date'), options.dateOrder);
  const category = text('category') || text('kind');
  if (isOfGateway && category === '') throw new Unreadable('KIND_MISSING');
  const kind = isOfGateway ? kindOf(category, { minor, source: text('source') }) : 'payout';
  // Captures of one charge are known by the charge's id, which Stripe calls a payment intent: where a file has none, by amount and day.
  const isUnknown = kind === 'capture' && !cells.has('intent') && /^(?:ch|py)_/.test(text('source'));
  return {
    line,
    kind,
    ref: isUnknown ? null : reference((kind === 'capture' && text('intent')) || text('source')),
    minor,
    feeMinor: amount('fee', options.isMinor),
    netMinor: amount('net', options.isMinor),
    currency,
    day,
    groupRef: reference(text('payout')),
  };
}

/** What came in by a row of a bank; what went out is negative, whatever sign its column has. */
function bankAmount(
  said: bigint | null,
  {
    debit,
    credit,
    direction,
    kind,
  }: { debit: bigint | null; credit: bigint | null; direction: string; kind: string },
): bigint | null {
  if (said !== null) {
    const known = directionOf(direction || kind);
    if (known === undefined && direction !== '') throw new Unreadable('DIRECTION_UNKNOWN');
    if (known === 'debit') return negative(said);
    if (known === 'credit' && said < 0n) throw new Unreadable('AMOUNT_SIGN');
    return said;
  }
  if (debit !== null && debit !== 0n && credit !== null && credit !== 0n)
    throw new Unreadable('AMOUNT_TWICE');
  if (credit !== null && credit < 0n) throw new Unreadable('AMOUNT_SIGN');
  if (credit !== null && credit !== 0n) return credit;
  return debit === null ? credit : negative(debit);
}

function negative(amount: bigint): bigint {
  return amount > 0n ? -amount : amount;
}

function referenceIn(cells: GivenRow['cells']): string {
  return cells.get('source')?.text || cells.get('intent')?.text || cells.get('id')?.text || '';
}

function reference(text: string): string | null {
  if (text === '') return null;
  if (isUnfit(text, MAX_REFERENCE)) throw new Unreadable('REFERENCE_INVALID');
  return text;
}

function currencyIn(text: string, otherwise: string | undefined): string {
  const code = text === '' ? otherwise : text.toUpperCase();
  if (code === undefined) throw new Unreadable('CURRENCY_MISSING');
  if (!isCurrency(code)) throw new Unreadable('CURRENCY_UNKNOWN');
  return code;
}

/** An amount in minor units, of a currency with so many digits after the mark. */
function minorIn({ kind, text }: Cell, digits: number, { decimal }: CellOptions): bigint {
  const read =
    kind === 'number'
      ? readJsonNumber(text, MAX_DIGITS)
      : (plainNumber(text, decimal) ?? readNumber(withSignFirst(text), decimal, WORDS));
  if (read === null) throw new Unreadable('AMOUNT_TOO_LARGE');
  if ('code' in read) throw new Unreadable('AMOUNT_INVALID', read.reason);
  const decimals = read.decimals.replace(/0+$/, '');
  if (decimals.length > digits) throw new Unreadable('AMOUNT_TOO_PRECISE');
  const whole = read.whole.replace(/^0+(?=\d)/, '');
  if (whole.length + digits > MAX_DIGITS) throw new Unreadable('AMOUNT_TOO_LARGE');
  const minor = BigInt(whole + decimals.padEnd(digits, '0'));
  return read.isNegative ? -minor : minor;
}

/** As nearly all amounts are written. Null: another way. */
function plainNumber(text: string, decimal: DecimalMark): WrittenNumber | null {
  const [, sign, whole, decimals = ''] = (decimal === '.' && PLAIN.exec(text)) || [];
  return whole === undefined ? null : { isNegative: sign === '-', whole, decimals };
}

/** Some write what is negative in brackets, or with the minus behind it. */
function withSignFirst(text: string): string {
  const [, inBrackets, before] = /^\((\d[^()]*)\)$|^(\d(?:.*\d)?) ?[-−]$/.exec(text) ?? [];
  const number = inBrackets ?? before;
  return number === undefined ? text : `-${number}`;
}

/** The day in UTC. */
function dayIn(text: string, order: DateOrder | undefined): string {
  if (text === '') throw new Unreadable('DATE_MISSING');
  const read = readDay(text, order);
  if ('fault' in read) throw new Unreadable(read.fault);
  return read.day;
}
