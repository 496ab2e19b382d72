import type { TrackedProduct } from '../../stock/tracking/types';
import type { ReceiptLineInput } from './types';

/** What is wrong with a receipt, as a stable code and words. */
export interface ReceiptFault {
  code: 'UNKNOWN_SKU' | 'LOT_REQUIRED' | 'SERIALS_REQUIRED' | 'NOT_TRACKED' | 'DUPLICATE_SERIAL';
  detail: string;
  /** Index of the line. */
  line: number;
}

/** The first fault of a receipt's lines, or null. A tracked product must say which lot and which serial numbers came. */
export function receiptFault(
  lines: readonly ReceiptLineInput[],
  products: ReadonlyMap<string, TrackedProduct>,
): ReceiptFault | null {
  const seen = new Set<string>();
  for (const [line, input] of lines.entries()) {
    const fault = lineFault(input, products.get(input.sku), seen);
    if (fault) return { ...fault, line };
  }
  return null;
}

function lineFault(
  { sku, quantity, lot, serials = [] }: ReceiptLineInput,
  product: TrackedProduct | undefined,
  seen: Set<string>,
): Omit<ReceiptFault, 'line'> | null {
  if (!product) return { code: 'UNKNOWN_SKU', detail: `There is no product ${sku}.` };
  if (product.lotTracked && !lot)
    return { code: 'LOT_REQUIRED', detail: `${sku} is kept by lot: name the lot.` };
  if (!product.lotTracked && lot) return { code: 'NOT_TRACKED', detail: `${sku} is not kept by lot.` };
  if (product.serialised && serials.length !== quantity) {
    return {
      code: 'SERIALS_REQUIRED',
      detail: `${sku} has serial numbers: ${quantity} units need ${quantity} of them, ${serials.length} were given.`,
    };
  }
  if (!product.serialised && serials.length > 0)
    return { code: 'NOT_TRACKED', detail: `${sku} has no serial numbers.` };
  for (const serial of serials) {
    const key = JSON.stringify([sku, serial]);
    if (seen.has(key)) return { code: 'DUPLICATE_SERIAL', detail: `${serial} is given twice for ${sku}.` };
    seen.add(key);
  }
  return null;
}
