import { newId } from '../../platform/ids';
import { callApi, type Reply } from './support';

/** The members that the tests of stock-keeping read. */
export interface StockBody {
  id: string;
  code: string;
  status: string;
  items: { id: string; serial: string; kind: string; code: string }[];
  lines: { sku: string; expected: number | null; variance: number | null }[];
  errors: { path: string }[];
  nextCursor: string | null;
}

/** Calls the API at `url`, `http://host:port/api/v1`. */
export async function callStock(url: string, method: string, path: string, body?: unknown, key?: string) {
  const reply: Reply = await callApi(url.replace('/api/v1', ''), method, path, {
    body,
    headers: key === undefined ? {} : { 'idempotency-key': key },
  });
  // Each test knows what it asked for, and fails where it is something else.
  return { status: reply.status, headers: reply.headers, body: reply.body as unknown as StockBody };
}

/** A delivery to AMS under a reference of its own. */
export function receiptOf(lines: unknown, rest: object = {}) {
  return { location: 'AMS', supplier: 'ACME', supplierReference: newId(), lines, ...rest };
}
