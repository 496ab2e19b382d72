import { z } from 'zod';
import { correctReceipt, reverseReceipt } from '../../domain/warehousing/receiving/change-receipt';
import { receiveGoods } from '../../domain/warehousing/receiving/receive';
import { listReceipts, readReceipt } from '../../domain/warehousing/receiving/receipts';
import { CHANGE_INVENTORY, READ_INVENTORY } from '../http/access';
import { okPage } from '../http/pages';
import { API_BASE } from '../http/paths';
import { ok, okOrNotFound } from '../http/response';
import { route, type Route } from '../http/route';
import { runOnce } from '../idempotency/run-once';
import { idParams, line, sku, warehouseCode } from '../schemas/common';
import {
  documentQuery,
  newReceipt,
  receipt,
  receiptCorrection,
  receiptPage,
  receiptReversal,
} from '../schemas/warehousing';
import type { ApiContext } from '../services/context';

const TAG = 'Receipts';

export function receiptRoutes(context: ApiContext): Route[] {
  const { db } = context;
  return [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/receipts`,
        access: CHANGE_INVENTORY,
        tag: TAG,
        summary: 'Take a delivery in',
        description:
          'Units go on hand and to waiting backorders at once. A reference of a supplier is received once.',
        keyed: true,
        body: newReceipt,
        responses: { 201: { description: 'Received', schema: receipt } },
        problems: [
          'DUPLICATE_RECEIPT',
          'SIMILAR_RECEIPT',
          'DUPLICATE_SERIAL',
          'QUANTITY_OVERFLOW',
          'AMOUNT_OVERFLOW',
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
        runOnce(context, call, 'POST /receipts', async (receiptId) => {
          const made = await receiveGoods(context, { receiptId, ...call.body, actor: call.caller });
          return { status: 201, body: made, headers: { location: `${API_BASE}/receipts/${made.id}` } };
        }),
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/receipts`,
        access: READ_INVENTORY,
        tag: TAG,
        summary: 'List receipts, newest first',
        query: z.object({
          ...documentQuery,
          supplier: line(200).optional(),
          supplierReference: line(200).optional(),
          sku: sku.optional(),
          location: warehouseCode.optional(),
        }),
        responses: { 200: { description: 'A page', schema: receiptPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ query: { cursor, ...filter } }) => {
        const page = await listReceipts(context.reports, { ...filter, after: cursor });
        return okPage(page);
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/receipts/{id}`,
        access: READ_INVENTORY,
        tag: TAG,
        summary: 'A receipt',
        params: idParams,
        responses: { 200: { description: 'The receipt', schema: receipt } },
      },
      async ({ params }) => {
        return okOrNotFound(await readReceipt(db, params.id), 'There is no such receipt.');
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/receipts/{id}/reverse`,
        access: CHANGE_INVENTORY,
        tag: TAG,
        summary: 'Take a receipt back as a whole',
        description:
          'As if it had never come: stock, ledger, lots, serial numbers, average cost. Its reference is free for a better one.',
        keyed: true,
        params: idParams,
        body: receiptReversal,
        responses: { 200: { description: 'The receipt afterwards', schema: receipt } },
        problems: [
          'RECEIPT_REVERSED',
          'UNITS_HAVE_LEFT',
          'VALIDATION_FAILED',
          'IDEMPOTENCY_KEY_REUSED',
          'IDEMPOTENCY_IN_FLIGHT',
        ],
      },
      (call) =>
        runOnce(context, call, `POST /receipts/${call.params.id}/reverse`, async (changeId) => {
          const change = { receiptId: call.params.id, changeId, ...call.body, actor: call.caller };
          return ok(await reverseReceipt(context, change));
        }),
    ),
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/receipts/{id}/correct`,
        access: CHANGE_INVENTORY,
        tag: TAG,
        summary: 'Correct quantities, costs, lots or serial numbers of a receipt',
        description:
          'As of when the receipt came: what was counted since stays as it was counted. Else units that did not come, or came in another lot, must still be there and free.',
        keyed: true,
        params: idParams,
        body: receiptCorrection,
        responses: { 200: { description: 'The receipt afterwards', schema: receipt } },
        problems: [
          'RECEIPT_REVERSED',
          'UNITS_HAVE_LEFT',
          'NO_SUCH_LINE',
          'NOT_TRACKED',
          'SERIALS_REQUIRED',
          'LOT_EXPIRY_MISMATCH',
          'DUPLICATE_SERIAL',
          'SERIAL_NOT_THERE',
          'UNITS_NAMED_TWICE',
          'CURRENCY_MISMATCH',
          'QUANTITY_OVERFLOW',
          'AMOUNT_OVERFLOW',
          'VALIDATION_FAILED',
          'IDEMPOTENCY_KEY_REUSED',
          'IDEMPOTENCY_IN_FLIGHT',
        ],
      },
      (call) =>
        runOnce(context, call, `POST /receipts/${call.params.id}/correct`, async (changeId) => {
          const { lines: corrections, reason } = call.body;
          const change = { receiptId: call.params.id, changeId, reason, corrections, actor: call.caller };
          return ok(await correctReceipt(context, change));
        }),
    ),
  ];
}
