import { AppError } from '../../../platform/errors';
import { LARGEST_AMOUNT } from './rules';

export function amountOverflow(sku: string): AppError {
  return new AppError(
    'AMOUNT_OVERFLOW',
    `The units of ${sku} would cost more than ${LARGEST_AMOUNT} minor units.`,
    { sku },
  );
}
