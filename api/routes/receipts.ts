import { z } from 'zod';
import { receiveGoods } from '../../domain/warehousing/receiving/receive';
import { listReceipts, readReceipt } from '../../domain/warehousing/receiving/receipts';
import { ok } from '../http/answer';
import type { ApiContext } from '../context';
import { encodeCursor } from '../http/cursor';
import { onceForKey } from '../idempotency/keyed-call';
import { API_BASE } from '../use-cases/order-answers';
import { problem } from '../http/problems';
import { route, type Route } from '../http/route';
import { idParams, line, sku, warehouseCode } from '../schemas/common';
import { documentQuery, newReceipt, receipt, receiptPage } from '../schemas/warehousing';

const TAG = 'Receipts';

export function receiptRoutes(context: ApiContext): Route[] {
  const { db } = context;
  return [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/receipts`,
        tag: TAG,
        summary: 'Take a delivery in',
        description:
          'Units go on hand and to waiting backorders at once. A reference of a supplier is received once.',
        keyed: true,
        body: newReceipt,
        answers: { 201: { description: 'Received', schema: receipt } },
        problems: [
          'DUPLICATE_RECEIPT',
          'DUPLICATE_SERIAL',
          'QUANTITY_OVERFLOW',
          'VALIDATION_FAILED',
          'UNKNOWN_SKU',
          'UNKNOWN_LOCATION',
          'CURRENCY_MISMATCH',
          'LOT_REQUIRED',
          'SERIALS_REQUIRED',
          'NOT_TRACKED',
          'LOT_EXPIRY_MISMATCH',
          'IDEMPOTENCY_KEY_REUSED',
          'IDEMPOTENCY_IN_FLIGHT',
        ],
      },
      (call) =>
        onceForKey(context, call, 'POST /receipts', async (receiptId) => {
          const made = await receiveGoods(context, { receiptId, ...call.body, actor: call.caller });
          return { status: 201, body: made, headers: { location: `${API_BASE}/receipts/${made.id}` } };
        }),
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/receipts`,
        tag: TAG,
        summary: 'List receipts, newest first',
        query: z.object({
          ...documentQuery,
          supplier: line(200).optional(),
          supplierReference: line(200).optional(),
          sku: sku.optional(),
          location: warehouseCode.optional(),
        }),
        answers: { 200: { description: 'A page', schema: receiptPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ query: { cursor, ...filter } }) => {
        const page = await listReceipts(db, { ...filter, after: cursor });
        return ok({ items: page.items, nextCursor: page.next && encodeCursor(page.next) });
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/receipts/{id}`,
        tag: TAG,
        summary: 'A receipt',
        params: idParams,
        answers: { 200: { description: 'The receipt', schema: receipt } },
      },
      async ({ params }) => {
        const found = await readReceipt(db, params.id);
        if (!found) throw problem('NOT_FOUND', 'There is no such receipt.');
        return ok(found);
      },
    ),
  ];
}
