import { AppError } from '../../platform/errors';

/**
 * Currencies that Stripe charges, by how it counts them (https://docs.stripe.com/currencies). Ours are the minor units of
 * ISO 4217: the same for most, and otherwise where it says so.
 */
const AS_ISO = new Set(
  (
    'AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CNY COP CRC CVE CZK ' +
    'DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR JMD KES KGS KHR KYD KZT LAK LBP LKR ' +
    'LRD LSL MAD MDL MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB ' +
    'SAR SBD SCR SEK SGD SHP SLE SOS SRD SZL THB TJS TOP TRY TTD TWD TZS UAH USD UYU UZS WST XCD XCG YER ZAR ZMW ' +
    // No minor unit.
    'BIF CLP DJF GNF JPY KMF KRW PYG RWF VND VUV XAF XOF XPF'
  ).split(' '),
);
/** Three decimals, the last of which must be 0. */
const THREE_DECIMALS = new Set(['BHD', 'JOD', 'KWD', 'OMR', 'TND']);
/** No minor unit in ISO 4217; Stripe counts hundredths, which are always 0. */
const IN_HUNDREDTHS = new Set(['ISK', 'UGX']);
/** Hundredths in ISO 4217; Stripe counts whole ones. */
const IN_WHOLE_ONES = new Set(['MGA']);

/** Why Stripe cannot charge such an amount in minor units of ISO 4217; null: it can. */
export function amountProblem(amountMinor: number, currency: string): string | null {
  if (AS_ISO.has(currency) || IN_HUNDREDTHS.has(currency)) return null;
  if (THREE_DECIMALS.has(currency))
    return amountMinor % 10 === 0 ? null : `Stripe charges ${currency} to two decimals only.`;
  if (IN_WHOLE_ONES.has(currency))
    return amountMinor % 100 === 0 ? null : `Stripe charges ${currency} without decimals only.`;
  return `Stripe does not charge ${currency}.`;
}

/**
 * An amount in minor units of ISO 4217 as Stripe counts it.
 *
 * @throws AMOUNT_NOT_CHARGEABLE
 */
export function stripeAmount(amountMinor: number, currency: string): number {
  const problem = amountProblem(amountMinor, currency);
  if (problem) throw new AppError('AMOUNT_NOT_CHARGEABLE', problem, { amountMinor, currency });
  if (IN_HUNDREDTHS.has(currency)) return amountMinor * 100;
  return IN_WHOLE_ONES.has(currency) ? amountMinor / 100 : amountMinor;
}

/** Whether an amount as Stripe counts it is a whole number of minor units of ISO 4217. */
export function isWholeInIso(amount: number, currency: string): boolean {
  return !IN_HUNDREDTHS.has(currency) || amount % 100 === 0;
}

/**
 * An amount as Stripe counts it in minor units of ISO 4217. One in a currency that is not in its table is left as it is. Hundredths
 * that ISO 4217 has not, as banks may convert a dispute to, are rounded; see `isWholeInIso`.
 */
export function isoAmount(amount: number, currency: string): number {
  if (IN_HUNDREDTHS.has(currency)) return Math.round(amount / 100);
  return IN_WHOLE_ONES.has(currency) ? amount * 100 : amount;
}
