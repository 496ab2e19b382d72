const CODES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));

/** By ISO 4217; of all others it is 2. `Intl` is not asked: it has the digits that are in use, which are fewer for some. */
const MINOR_DIGITS = new Map(
  Object.entries({
    0: 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF',
    3: 'BHD IQD JOD KWD LYD OMR TND',
    4: 'CLF UYW',
  }).flatMap(([digits, codes]) => codes.split(' ').map((code) => [code, Number(digits)] as const)),
);

/** A code of ISO 4217, in capitals. */
export function isCurrency(code: string): boolean {
  return CODES.has(code);
}

/** How many digits of an amount in this currency stand after the decimal mark. */
export function minorDigits(currency: string): number {
  return MINOR_DIGITS.get(currency) ?? 2;
}

/** Minor units of a price at most. */
export const MAX_PRICE = 1_000_000_000_000;
