const CODES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));

/** By ISO 4217; of all others it is 2. `Intl` is not asked: it has the digits that are in use, which are fewer for some. */
const MINOR_DIGITS = new Map(
  Object.entries({
    0: 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF',
    3: 'BHD IQD JOD KWD LYD OMR TND',
    4: 'CLF UYW',
  }).flatMap(([digits, codes]) => codes.split(' ').map((code) => [code, Number(digits)] as const)),
);

/** ISO 4217 for "no currency". */
export const NO_CURRENCY = 'XXX';

/** A code of ISO 4217, in capitals. */
export function isCurrency(code: string): boolean {
  return CODES.has(code);
}

/** How many digits of an amount in this currency stand after the decimal mark. */
export function minorDigits(currency: string): number {
  return MINOR_DIGITS.get(currency) ?? 2;
}

/** An amount in major units, with all of its digits: -5 with two is `-0.05`. */
export function majorUnits(minor: bigint, digits: number): string {
  const sign = minor < 0n ? '-' : '';
  const text = String(minor < 0n ? -minor : minor).padStart(digits + 1, '0');
  return digits === 0 ? `${sign}${text}` : `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

/** Minor units of a price at most. */
export const MAX_PRICE = 1_000_000_000_000;
