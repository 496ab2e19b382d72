import { z } from 'zod';
import { cancelTransfer } from '../../domain/stock/transfers/cancel';
import { receiveTransfer } from '../../domain/stock/transfers/receive';
import { startTransfer } from '../../domain/stock/transfers/start';
import { listTransfers, readTransfer } from '../../domain/stock/transfers/views';
import { CHANGE_INVENTORY, READ_INVENTORY } from '../http/access';
import { okPage } from '../http/pages';
import { API_BASE } from '../http/paths';
import { invalid, NAMING_PROBLEMS } from '../http/problems';
import { ok, okOrNotFound } from '../http/response';
import { route, type Route } from '../http/route';
import { idForKey } from '../idempotency/idempotency-key';
import { runOnce } from '../idempotency/run-once';
import { idParams, newestCursor, pageQuery, sku, warehouseCode } from '../schemas/common';
import {
  newTransfer,
  transfer,
  transferCancel,
  transferPage,
  transferReceipt,
  transferStatus,
} from '../schemas/transfers';
import type { ApiContext } from '../services/context';

const TAG = 'Inventory';

const listQuery = z.object({
  ...pageQuery,
  cursor: newestCursor,
  status: transferStatus.optional(),
  sku: sku.optional(),
  location: warehouseCode.optional().meta({ description: 'Where it leaves or goes to' }),
});

export function transferRoutes(context: ApiContext): Route[] {
  const { db, settings } = context;
  return [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/inventory/transfer`,
        access: CHANGE_INVENTORY,
        tag: TAG,
        summary: 'Move stock from one location to another',
        description:
          'Only what is available may leave. `immediate`: it is there at once. `in_transit`: it is on its way until it is ' +
          'received, lost or called back; one that does not arrive in time raises an alert.',
        keyed: true,
        body: newTransfer,
        responses: {
          200: { description: 'It is there', schema: transfer },
          202: { description: 'It is on its way', schema: transfer },
        },
        problems: [
          'OUT_OF_STOCK',
          'QUANTITY_OVERFLOW',
          ...NAMING_PROBLEMS,
          'UNKNOWN_SKU',
          'UNKNOWN_LOCATION',
          'IDEMPOTENCY_IN_FLIGHT',
          'IDEMPOTENCY_KEY_REUSED',
          'VALIDATION_FAILED',
        ],
      },
      (call) => {
        const { expectedBy, transitSeconds, serials, lots, ...body } = call.body;
        const expectedAt = expectedBy === undefined ? undefined : new Date(expectedBy);
        return runOnce(
          context,
          call,
          'POST /inventory/transfer',
          async (transferId) => {
            // What was in the future when it was first sent may be past when it is sent again.
            const known = await readTransfer(db, transferId);
            if (!known && expectedAt && expectedAt.getTime() <= Date.now())
              throw invalid([{ path: 'expectedBy', message: 'must be in the future' }]);
            const made =
              known ??
              (await startTransfer(context, {
                ...body,
                named: { serials, lots },
                transferId,
                actor: call.caller,
                expectedAt,
                transitSeconds: transitSeconds ?? settings.TRANSFER_TRANSIT_SECONDS,
              }));
            const headers = {
              location: `${API_BASE}/transfers/${made.id}`,
              ...(known ? { 'idempotency-replayed': 'true' } : {}),
            };
            return { status: made.status === 'in_transit' ? 202 : 200, body: made, headers };
          },
          idForKey(call, 'transfer'),
        );
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/transfers`,
        access: READ_INVENTORY,
        tag: TAG,
        summary: 'List transfers, newest first',
        query: listQuery,
        responses: { 200: { description: 'A page', schema: transferPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ query: { cursor, ...filter } }) => {
        const page = await listTransfers(context.reports, { ...filter, after: cursor });
        return okPage(page);
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/transfers/{id}`,
        access: READ_INVENTORY,
        tag: TAG,
        summary: 'A transfer',
        params: idParams,
        responses: { 200: { description: 'The transfer', schema: transfer } },
      },
      async ({ params }) => {
        return okOrNotFound(await readTransfer(db, params.id), 'There is no such transfer.');
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/transfers/{id}/receive`,
        access: CHANGE_INVENTORY,
        tag: TAG,
        summary: 'Receive what arrived of a transfer, or write off what was lost of it',
        description: 'Without a body: everything that is open arrived.',
        keyed: true,
        params: idParams,
        body: transferReceipt,
        bodyOptional: true,
        responses: { 200: { description: 'The transfer afterwards', schema: transfer } },
        problems: [
          'TRANSFER_NOT_OPEN',
          'OVER_RECEIPT',
          'QUANTITY_OVERFLOW',
          ...NAMING_PROBLEMS,
          'IDEMPOTENCY_IN_FLIGHT',
          'IDEMPOTENCY_KEY_REUSED',
          'VALIDATION_FAILED',
        ],
      },
      (call) => {
        const { params, body, caller } = call;
        return runOnce(
          context,
          call,
          `POST /transfers/${params.id}/receive`,
          async (receiptId) => {
            const { serials, lots, lostSerials, lostLots, ...rest } = body;
            const receipt = {
              ...rest,
              named: { serials, lots },
              namedLost: { serials: lostSerials, lots: lostLots },
              transferId: params.id,
              receiptId,
              actor: caller,
            };
            return ok(await receiveTransfer(context, receipt));
          },
          idForKey(call, 'transfer-receipt', params.id),
        );
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/transfers/{id}/cancel`,
        access: CHANGE_INVENTORY,
        tag: TAG,
        summary: 'Call back what is still on its way',
        description: 'It is on hand at the source again. Safe to repeat.',
        keyed: true,
        params: idParams,
        body: transferCancel,
        bodyOptional: true,
        responses: { 200: { description: 'The transfer afterwards', schema: transfer } },
        problems: [
          'TRANSFER_NOT_OPEN',
          'QUANTITY_OVERFLOW',
          'IDEMPOTENCY_IN_FLIGHT',
          'IDEMPOTENCY_KEY_REUSED',
          'VALIDATION_FAILED',
        ],
      },
      (call) => {
        const { params, body, caller } = call;
        return runOnce(
          context,
          call,
          `POST /transfers/${params.id}/cancel`,
          async () => ok(await cancelTransfer(context, { ...body, transferId: params.id, actor: caller })),
          idForKey(call, 'transfer-cancel', params.id),
        );
      },
    ),
  ];
}
