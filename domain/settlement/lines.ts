import { csvLine, Numeral } from '../../platform/csv';
import { majorUnits } from '../catalog/currencies';
import type { SettlementLine } from './types';

export const HEADER = csvLine(['merchant_id', 'date', 'gross', 'fee', 'net', 'txn_count']);

/** One line of the file, with its end. `digits`: how many digits of an amount stand after the decimal point. */
export function lineOf({ merchant, day, gross, fee, count }: SettlementLine, digits: number): string {
  const [g, f] = [BigInt(gross), BigInt(fee)];
  const amounts = [g, f, g - f].map((minor) => new Numeral(majorUnits(minor, digits)));
  return csvLine([merchant, day, ...amounts, count]);
}
