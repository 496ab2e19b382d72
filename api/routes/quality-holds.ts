import { z } from 'zod';
import { listQualityHolds, readQualityHold } from '../../domain/warehousing/quality/holds';
import { SETTLE_SOON_MS, settlePromised } from '../../domain/ordering/promised/settle-promised';
import { findStockKey } from '../../domain/stock/ledger/stock-ledger';
import { putOnHold } from '../../domain/warehousing/quality/put-on-hold';
import { releaseFromHold, writeOffHold } from '../../domain/warehousing/quality/end-hold';
import type { QualityHoldView, QualityDecision } from '../../domain/warehousing/quality/types';
import { CHANGE_INVENTORY, READ_INVENTORY } from '../http/access';
import { okPage } from '../http/pages';
import { API_BASE } from '../http/paths';
import { type ProblemCode, asNotFound } from '../http/problems';
import { ok, okOrNotFound } from '../http/response';
import { route, type Route } from '../http/route';
import { runOnce } from '../idempotency/run-once';
import { idParams, sku, skuParams, warehouseCode } from '../schemas/common';
import {
  newQualityHold,
  qualityHold,
  qualityHoldPage,
  qualityHoldStatus,
  qualityWriteOff,
} from '../schemas/quality';
import { documentQuery } from '../schemas/warehousing';
import type { ApiContext } from '../services/context';

const TAG = 'Quality';
const PATH = `${API_BASE}/quality-holds`;

export function qualityHoldRoutes(context: ApiContext): Route[] {
  const { db } = context;

  function holdAction(
    word: string,
    summary: string,
    docs: { body: typeof qualityWriteOff; problems: readonly ProblemCode[] },
    end: (request: QualityDecision) => Promise<QualityHoldView>,
  ): Route {
    return route(
      {
        methods: ['post'],
        path: `${PATH}/{id}/${word}`,
        access: CHANGE_INVENTORY,
        tag: TAG,
        summary,
        keyed: true,
        params: idParams,
        body: docs.body,
        bodyOptional: true,
        responses: { 200: { description: 'The hold afterwards', schema: qualityHold } },
        problems: [
          'QUALITY_HOLD_EXCEEDED',
          'HOLD_OF_COUNT',
          ...docs.problems,
          'VALIDATION_FAILED',
          'IDEMPOTENCY_KEY_REUSED',
          'IDEMPOTENCY_IN_FLIGHT',
        ],
      },
      (call) =>
        runOnce(context, call, `POST /quality-holds/${call.params.id}/${word}`, async (effectId) =>
          ok(
            await end({
              holdId: call.params.id,
              ...call.body,
              actor: call.caller,
              effectId,
            }),
          ),
        ),
    );
  }

  return [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/inventory/{sku}/quality-hold`,
        access: CHANGE_INVENTORY,
        tag: TAG,
        summary: 'Take units out of sale',
        description:
          'Available units; of a lot, and of named serial numbers, also promised ones. Whoever they are promised to gets others, from ' +
          'another warehouse if need be, or is cut: what is not paid for first, booked parcels last. `awaited` of the hold tells what is ' +
          'still promised: where many are concerned, the rest is settled within ten minutes.',
        keyed: true,
        params: skuParams,
        body: newQualityHold,
        responses: { 201: { description: 'On hold', schema: qualityHold } },
        problems: [
          'OUT_OF_STOCK',
          'UNKNOWN_LOCATION',
          'UNKNOWN_LOT',
          'LOT_REQUIRED',
          'NOT_TRACKED',
          'SERIALS_REQUIRED',
          'SERIAL_NOT_THERE',
          'SERIAL_BLOCKED',
          'UNITS_NAMED_TWICE',
          'VALIDATION_FAILED',
          'IDEMPOTENCY_KEY_REUSED',
          'IDEMPOTENCY_IN_FLIGHT',
        ],
      },
      (call) =>
        runOnce(context, call, `POST /inventory/${call.params.sku}/quality-hold`, async (holdId) => {
          const wanted = { holdId, sku: call.params.sku, ...call.body, actor: call.caller };
          const made = await putOnHold(db, wanted).catch(
            asNotFound('UNKNOWN_SKU', 'There is no such product.'),
          );
          await settlePromised(db, await findStockKey(db, wanted), { withinMs: SETTLE_SOON_MS });
          const settled = (await readQualityHold(db, made.id)) ?? made;
          return { status: 201, body: settled, headers: { location: `${PATH}/${made.id}` } };
        }),
    ),
    route(
      {
        methods: ['get'],
        path: PATH,
        access: READ_INVENTORY,
        tag: TAG,
        summary: 'List quality holds, newest first',
        query: z.object({
          ...documentQuery,
          sku: sku.optional(),
          location: warehouseCode.optional(),
          status: qualityHoldStatus.optional(),
        }),
        responses: { 200: { description: 'A page', schema: qualityHoldPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ query: { cursor, ...filter } }) => {
        const page = await listQualityHolds(context.reports, { ...filter, after: cursor });
        return okPage(page);
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${PATH}/{id}`,
        access: READ_INVENTORY,
        tag: TAG,
        summary: 'A quality hold',
        params: idParams,
        responses: { 200: { description: 'The hold', schema: qualityHold } },
      },
      async ({ params }) => {
        return okOrNotFound(await readQualityHold(db, params.id), 'There is no such quality hold.');
      },
    ),
    holdAction(
      'release',
      'Give units back to sale',
      { body: qualityWriteOff, problems: ['LOT_BLOCKED', 'SERIAL_NOT_THERE'] },
      (wanted) => releaseFromHold(context, wanted),
    ),
    holdAction(
      'write-off',
      'Take units off the stock for good',
      {
        body: qualityWriteOff,
        problems: [
          'NOT_TRACKED',
          'TOO_MANY_UNITS_NAMED',
          'UNITS_NAMED_TWICE',
          'SERIAL_NOT_THERE',
          'SERIAL_PACKED',
        ],
      },
      (wanted) => writeOffHold(context, wanted),
    ),
  ];
}
