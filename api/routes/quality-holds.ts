import { z } from 'zod';
import { listQualityHolds, readQualityHold } from '../../domain/warehousing/quality/holds';
import { putOnHold } from '../../domain/warehousing/quality/put-on-hold';
import { releaseFromHold, writeOffHold } from '../../domain/warehousing/quality/end-hold';
import type { QualityHoldView, QualityDecision } from '../../domain/warehousing/quality/types';
import { isAppError, type AppError } from '../../platform/errors';
import { ok } from '../http/answer';
import type { ApiContext } from '../context';
import { encodeCursor } from '../http/cursor';
import { onceForKey } from '../idempotency/keyed-call';
import { API_BASE } from '../use-cases/order-answers';
import { problem, type ProblemCode } from '../http/problems';
import { route, type Route } from '../http/route';
import { idParams, sku, skuParams, warehouseCode } from '../schemas/common';
import {
  newQualityHold,
  qualityHold,
  qualityHoldPage,
  qualityHoldStatus,
  qualityVerdict,
  qualityWriteOff,
} from '../schemas/quality';
import { documentQuery } from '../schemas/warehousing';

const TAG = 'Quality';
const PATH = `${API_BASE}/quality-holds`;

export function qualityHoldRoutes(context: ApiContext): Route[] {
  const { db } = context;

  function verdict(
    word: string,
    summary: string,
    docs: { body: typeof qualityVerdict | typeof qualityWriteOff; problems: readonly ProblemCode[] },
    settle: (verdict: QualityDecision) => Promise<QualityHoldView>,
  ): Route {
    return route(
      {
        methods: ['post'],
        path: `${PATH}/{id}/${word}`,
        tag: TAG,
        summary,
        keyed: true,
        params: idParams,
        body: docs.body,
        bodyOptional: true,
        answers: { 200: { description: 'The hold afterwards', schema: qualityHold } },
        problems: [
          'QUALITY_HOLD_EXCEEDED',
          ...docs.problems,
          'VALIDATION_FAILED',
          'IDEMPOTENCY_KEY_REUSED',
          'IDEMPOTENCY_IN_FLIGHT',
        ],
      },
      (call) =>
        onceForKey(context, call, `POST /quality-holds/${call.params.id}/${word}`, async (effectId) =>
          ok(
            await settle({
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
        tag: TAG,
        summary: 'Take available units out of sale',
        keyed: true,
        params: skuParams,
        body: newQualityHold,
        answers: { 201: { description: 'On hold', schema: qualityHold } },
        problems: [
          'OUT_OF_STOCK',
          'UNKNOWN_LOCATION',
          'UNKNOWN_LOT',
          'LOT_REQUIRED',
          'NOT_TRACKED',
          'VALIDATION_FAILED',
          'IDEMPOTENCY_KEY_REUSED',
          'IDEMPOTENCY_IN_FLIGHT',
        ],
      },
      (call) =>
        onceForKey(context, call, `POST /inventory/${call.params.sku}/quality-hold`, async (holdId) => {
          const wanted = { holdId, sku: call.params.sku, ...call.body, actor: call.caller };
          const made = await putOnHold(db, wanted).catch((error: unknown) => {
            // The SKU is part of the address here: an unknown one is a thing that does not exist.
            throw isAppError(error, 'UNKNOWN_SKU') ? notFound('There is no such product.') : error;
          });
          return { status: 201, body: made, headers: { location: `${PATH}/${made.id}` } };
        }),
    ),
    route(
      {
        methods: ['get'],
        path: PATH,
        tag: TAG,
        summary: 'List quality holds, newest first',
        query: z.object({
          ...documentQuery,
          sku: sku.optional(),
          location: warehouseCode.optional(),
          status: qualityHoldStatus.optional(),
        }),
        answers: { 200: { description: 'A page', schema: qualityHoldPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ query: { cursor, ...filter } }) => {
        const page = await listQualityHolds(db, { ...filter, after: cursor });
        return ok({ items: page.items, nextCursor: page.next && encodeCursor(page.next) });
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${PATH}/{id}`,
        tag: TAG,
        summary: 'A quality hold',
        params: idParams,
        answers: { 200: { description: 'The hold', schema: qualityHold } },
      },
      async ({ params }) => {
        const found = await readQualityHold(db, params.id);
        if (!found) throw notFound('There is no such quality hold.');
        return ok(found);
      },
    ),
    verdict('release', 'Give units back to sale', { body: qualityVerdict, problems: [] }, (wanted) =>
      releaseFromHold(context, wanted),
    ),
    verdict(
      'write-off',
      'Take units off the stock for good',
      {
        body: qualityWriteOff,
        problems: ['NOT_TRACKED', 'TOO_MANY_UNITS_NAMED', 'SERIAL_NOT_THERE', 'SERIAL_PACKED'],
      },
      (wanted) => writeOffHold(context, wanted),
    ),
  ];
}

function notFound(detail: string): AppError {
  return problem('NOT_FOUND', detail);
}
