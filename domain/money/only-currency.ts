import { AppError } from '../../platform/errors';

/**
 * The currency of what has one only; undefined: there is none.
 *
 * @param what is of one currency
 * @throws AppError `CURRENCY_REQUIRED` with `currencies`: there are several
 */
export function onlyCurrency(what: string, currencies: readonly string[]): string | undefined {
  if (currencies.length > 1)
    throw new AppError(
      'CURRENCY_REQUIRED',
      `A ${what} has one currency: name one of ${currencies.join(', ')}.`,
      { currencies },
    );
  return currencies[0];
}
