import { z } from 'zod';
import { SETTLE_SOON_MS, settlePromised } from '../../domain/ordering/promised/settle-promised';
import { countLines } from '../../domain/warehousing/counting/count';
import {
  approveCount,
  recount,
  rejectCount,
  submitCount,
} from '../../domain/warehousing/counting/decide-lines';
import { settleCount } from '../../domain/warehousing/counting/settle-count';
import { listSheets, makeSheet, readSheet } from '../../domain/warehousing/counting/sheets';
import type { SheetView } from '../../domain/warehousing/counting/types';
import { CHANGE_INVENTORY, READ_INVENTORY } from '../http/access';
import { okPage } from '../http/pages';
import { API_BASE } from '../http/paths';
import { type ProblemCode } from '../http/problems';
import { ok, okOrNotFound } from '../http/response';
import { route, type Route } from '../http/route';
import { runOnce } from '../idempotency/run-once';
import { idParams, warehouseCode } from '../schemas/common';
import {
  countApproval,
  countDecision,
  countedLines,
  newCount,
  sheet,
  sheetPage,
  sheetStatus,
} from '../schemas/counts';
import { documentQuery } from '../schemas/warehousing';
import type { ApiContext } from '../services/context';

const TAG = 'Counts';
const PATH = `${API_BASE}/counts`;

export function countRoutes(context: ApiContext): Route[] {
  const { db, settings } = context;

  interface Decision {
    sheetId: string;
    skus?: string[] | undefined;
    actor: string;
  }

  /** What is still promised is settled at once, as far as it can be; parcels are stopped by their orders' sagas. */
  async function approve(request: Decision & { resolveReserved: boolean }): Promise<SheetView> {
    const approved = await approveCount(context, request);
    if (!approved.lines.some(({ status }) => status === 'resolving')) return approved;
    await settleCount(context, request.sheetId, (key, limits) => settlePromised(db, key, limits), {
      withinMs: SETTLE_SOON_MS,
    });
    return (await readSheet(db, request.sheetId)) ?? approved;
  }

  function decision(
    word: string,
    docs: { summary: string; description: string; problems: readonly ProblemCode[] },
    decide: (request: Decision) => Promise<SheetView>,
  ): Route {
    return route(
      {
        methods: ['post'],
        path: `${PATH}/{id}/${word}`,
        access: CHANGE_INVENTORY,
        tag: TAG,
        ...docs,
        params: idParams,
        body: countDecision,
        bodyOptional: true,
        responses: { 200: { description: 'The sheet afterwards', schema: sheet } },
      },
      async ({ params, body, caller }) =>
        ok(await decide({ sheetId: params.id, skus: body.skus, actor: caller })),
    );
  }

  return [
    route(
      {
        methods: ['post'],
        path: PATH,
        access: CHANGE_INVENTORY,
        tag: TAG,
        summary: 'Make a sheet to count stock by',
        keyed: true,
        body: newCount,
        responses: { 201: { description: 'The sheet', schema: sheet } },
        problems: [
          'VALIDATION_FAILED',
          'UNKNOWN_SKU',
          'UNKNOWN_LOCATION',
          'UNKNOWN_CATEGORY',
          'IDEMPOTENCY_KEY_REUSED',
          'IDEMPOTENCY_IN_FLIGHT',
        ],
      },
      (call) =>
        runOnce(context, call, 'POST /counts', async (sheetId) => {
          const { tolerance = settings.COUNT_TOLERANCE_UNITS, ...wanted } = call.body;
          const made = await makeSheet(db, { sheetId, ...wanted, tolerance, actor: call.caller });
          return { status: 201, body: made, headers: { location: `${PATH}/${made.id}` } };
        }),
    ),
    route(
      {
        methods: ['get'],
        path: PATH,
        access: READ_INVENTORY,
        tag: TAG,
        summary: 'List count sheets, newest first',
        query: z.object({
          ...documentQuery,
          status: sheetStatus.optional(),
          location: warehouseCode.optional(),
        }),
        responses: { 200: { description: 'A page', schema: sheetPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ query: { cursor, ...filter } }) => {
        const page = await listSheets(context.reports, { ...filter, after: cursor });
        return okPage(page);
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${PATH}/{id}`,
        access: READ_INVENTORY,
        tag: TAG,
        summary: 'A count sheet',
        params: idParams,
        responses: { 200: { description: 'The sheet', schema: sheet } },
      },
      async ({ params }) => {
        return okOrNotFound(await readSheet(db, params.id), 'There is no such count.');
      },
    ),
    route(
      {
        methods: ['put'],
        path: `${PATH}/{id}/lines`,
        access: CHANGE_INVENTORY,
        tag: TAG,
        summary: 'Note what was counted',
        description:
          'One line, or several in `lines`. A variance is against the ledger as of `countedAt`. The same count sent again is told ' +
          'by its key: an equal number is another count. Of a product that is kept by lot all its `lots` are counted, of one with ' +
          'serial numbers those that are there are named.',
        keyed: true,
        params: idParams,
        body: countedLines,
        responses: { 200: { description: 'The sheet afterwards', schema: sheet } },
        problems: [
          'COUNT_NOT_OPEN',
          'COUNT_INCOMPLETE',
          'LOT_REQUIRED',
          'LOT_EXPIRY_MISMATCH',
          'NOT_TRACKED',
          'SERIALS_REQUIRED',
          'SERIAL_ELSEWHERE',
          'UNITS_NAMED_TWICE',
          'UNKNOWN_SKU',
          'ASOF_IN_FUTURE',
          'ASOF_BEFORE_RETENTION',
          'IDEMPOTENCY_KEY_REUSED',
          'IDEMPOTENCY_IN_FLIGHT',
          'VALIDATION_FAILED',
        ],
      },
      (call) => {
        const { params, body: counts, caller: actor } = call;
        return runOnce(context, call, `PUT /counts/${params.id}/lines`, async (countId) =>
          ok(await countLines(db, { sheetId: params.id, counts, actor, countId })),
        );
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${PATH}/{id}/submit`,
        access: CHANGE_INVENTORY,
        tag: TAG,
        summary: 'End the counting',
        description: 'Lines within the tolerance are approved at once; the others await a decision.',
        params: idParams,
        responses: { 200: { description: 'The sheet afterwards', schema: sheet } },
        problems: ['COUNT_INCOMPLETE'],
      },
      async ({ params, caller }) => ok(await submitCount(context, { sheetId: params.id, actor: caller })),
    ),
    route(
      {
        methods: ['post'],
        path: `${PATH}/{id}/approve`,
        access: CHANGE_INVENTORY,
        tag: TAG,
        summary: 'Apply variances to the stock',
        description:
          'On hand is then what was counted, and what has moved since. A line that a newer absolute number has overtaken closes as ' +
          '`superseded`. One that would leave less than is reserved stays, with the code BELOW_RESERVED and the reservations; with ' +
          '`resolveReserved` it is `resolving`: unpaid reservations give up what was not found, then the newest, booked parcels last ' +
          '(they are stopped first), from another warehouse where there is any. Then it is `approved`, and the number is right.',
        params: idParams,
        body: countApproval,
        bodyOptional: true,
        responses: { 200: { description: 'The sheet afterwards', schema: sheet } },
        problems: ['COUNT_NOT_IN_REVIEW', 'UNKNOWN_SKU', 'VALIDATION_FAILED'],
      },
      async ({ params, body, caller }) => ok(await approve({ sheetId: params.id, ...body, actor: caller })),
    ),
    decision(
      'reject',
      {
        summary: 'Leave the stock as it is',
        description:
          'Also ends a sheet that nobody is going to count, and the wait of a line in `resolving`: what was cut for it stays cut.',
        problems: ['COUNT_NOT_IN_REVIEW', 'UNKNOWN_SKU', 'VALIDATION_FAILED'],
      },
      (request) => rejectCount(context, request),
    ),
    decision(
      'recount',
      {
        summary: 'Send lines back to be counted again',
        description: 'Their counts are forgotten.',
        problems: ['COUNT_NOT_IN_REVIEW', 'UNKNOWN_SKU', 'VALIDATION_FAILED'],
      },
      (request) => recount(context, request),
    ),
  ];
}
