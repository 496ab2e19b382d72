import { csvLine } from '../../platform/csv';
import { majorUnits } from '../catalog/currencies';
import type { SettlementLine } from './types';

export const HEADER = csvLine(['merchant_id', 'date', 'gross', 'fee', 'net', 'txn_count']);

/** One line of the file, with its end. `digits`: how many digits of an amount stand after the decimal point. */
export function lineOf({ merchant, day, gross, fee, count }: SettlementLine, digits: number): string {
  const [g, f] = [BigInt(gross), BigInt(fee)];
  const amounts = [g, f, g - f].map((minor) => majorUnits(minor, digits));
  // Amounts are numbers, also negative ones: they are not escaped as text is.
  return `${csvLine([merchant, day]).trimEnd()},${amounts.join(',')},${count}\n`;
}
