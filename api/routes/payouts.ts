import { z } from 'zod';
import {
  approvePayout,
  cancelPayout,
  createPayout,
  listPayouts,
  markPaid,
  readPayout,
} from '../../domain/payouts/payouts';
import { statementCsv } from '../../domain/payouts/statement';
import type { PayoutView } from '../../domain/payouts/types';
import { OPERATORS } from '../http/access';
import { sendFile } from '../http/file-response';
import { okPage } from '../http/pages';
import { API_BASE } from '../http/paths';
import { asInvalidTimeAt, asNotFound, notFound } from '../http/problems';
import { ok } from '../http/response';
import { route, type Route } from '../http/route';
import { requireKey } from '../idempotency/idempotency-key';
import { runOnce } from '../idempotency/run-once';
import { idParams, name, newestCursor, pageQuery } from '../schemas/common';
import { newPayout, payout, payoutCancel, payoutPage, payoutPaid, payoutStatus } from '../schemas/payouts';
import type { ApiContext } from '../services/context';

const TAG = 'Money';
const PATH = `${API_BASE}/payouts`;
const ONE = `${PATH}/{id}`;
const NO_PAYOUT = 'There is no such payout.';
const noPayout = asNotFound('PAYOUT_NOT_FOUND', NO_PAYOUT);

const listQuery = z.strictObject({
  ...pageQuery,
  cursor: newestCursor,
  merchant: name(50).optional(),
  status: payoutStatus.optional(),
});

/** What merchants are paid. */
export function payoutRoutes(context: ApiContext): Route[] {
  return [...reading(context), ...making(context), ...deciding(context)];
}

function reading({ db, reports }: ApiContext): Route[] {
  async function existing(id: string): Promise<PayoutView> {
    const found = await readPayout(db, id);
    if (!found) throw notFound(NO_PAYOUT);
    return found;
  }
  return [
    route(
      {
        methods: ['get'],
        path: PATH,
        access: OPERATORS,
        tag: TAG,
        summary: 'List payouts, newest first',
        query: listQuery,
        responses: { 200: { description: 'A page', schema: payoutPage } },
        problems: ['UNKNOWN_MERCHANT', 'VALIDATION_FAILED'],
      },
      async ({ query: { cursor, ...filter } }) => okPage(await listPayouts(db, { ...filter, after: cursor })),
    ),
    route(
      {
        methods: ['get'],
        path: ONE,
        access: OPERATORS,
        tag: TAG,
        summary: 'A payout',
        params: idParams,
        responses: { 200: { description: 'The payout', schema: payout } },
      },
      async ({ params }) => ok(await existing(params.id)),
    ),
    route(
      {
        methods: ['get'],
        path: `${ONE}/statement.csv`,
        access: OPERATORS,
        tag: TAG,
        limit: 'reports',
        summary: 'What a payout pays, line by line',
        description:
          'CSV: `date,at,kind,order_id,payment_id,source_id,currency,amount`. Amounts are in major units and come to what is paid; what the merchant is owed less is negative.',
        params: idParams,
        responses: { 200: { description: 'The file', content: { 'text/csv': z.string() } } },
      },
      async ({ params: { id }, res, signal }) => {
        const found = await existing(id);
        const pieces = statementCsv(reports, found);
        await sendFile(res, { mediaType: 'text/csv', name: `payout-${id}.csv`, pieces }, signal);
        return null;
      },
    ),
  ];
}

function making(context: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['post'],
        path: PATH,
        access: OPERATORS,
        tag: TAG,
        summary: 'Make a payout of what a merchant is owed',
        description:
          'Of all that is owed in a currency and no payout has. What comes later is in the next one, and so is a balance that is not more than zero. Somebody else approves it.',
        keyed: true,
        body: newPayout,
        responses: { 201: { description: 'The payout', schema: payout } },
        problems: [
          'CURRENCY_REQUIRED',
          'IDEMPOTENCY_IN_FLIGHT',
          'IDEMPOTENCY_KEY_REQUIRED',
          'IDEMPOTENCY_KEY_REUSED',
          'NOTHING_TO_PAY_OUT',
          'PAYOUT_OPEN',
          'UNKNOWN_MERCHANT',
          'VALIDATION_FAILED',
        ],
      },
      (call) => {
        requireKey(call, 'without one a repeat may make another payout.');
        return runOnce(context, call, 'POST /payouts', async (id) => {
          const made = await createPayout(context.db, { id, ...call.body, actor: call.caller });
          return { status: 201, body: made, headers: { location: `${PATH}/${id}` } };
        });
      },
    ),
  ];
}

function deciding({ db, settings }: ApiContext): Route[] {
  const responses = { 200: { description: 'The payout afterwards', schema: payout } };
  return [
    route(
      {
        methods: ['post'],
        path: `${ONE}/approve`,
        access: OPERATORS,
        tag: TAG,
        summary: 'Approve a payout',
        description: 'Not by who made it, unless `PAYOUT_APPROVAL` says so. Safe to repeat.',
        params: idParams,
        responses,
        problems: ['PAYOUT_CANCELLED', 'SECOND_PERSON_REQUIRED'],
      },
      async ({ params, caller: actor }) => {
        const approval = settings.PAYOUT_APPROVAL;
        return ok(await approvePayout(db, params.id, { actor, approval }).catch(noPayout));
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${ONE}/paid`,
        access: OPERATORS,
        tag: TAG,
        summary: 'Record that the bank has paid a payout',
        description: 'Safe to repeat; with another reference it is 409 PAYOUT_PAID.',
        params: idParams,
        body: payoutPaid,
        responses,
        problems: [
          'PAYOUT_CANCELLED',
          'PAYOUT_NOT_APPROVED',
          'PAYOUT_PAID',
          'PAYOUT_REFERENCE_USED',
          'VALIDATION_FAILED',
        ],
      },
      async ({ params, body, caller: actor }) =>
        ok(
          await markPaid(db, params.id, { ...body, actor })
            .catch(asInvalidTimeAt('paidOn'))
            .catch(noPayout),
        ),
    ),
    route(
      {
        methods: ['post'],
        path: `${ONE}/cancel`,
        access: OPERATORS,
        tag: TAG,
        summary: 'Cancel a payout that is not paid',
        description: 'What it was about is owed again, and is in the next one. Safe to repeat.',
        params: idParams,
        body: payoutCancel,
        responses,
        problems: ['PAYOUT_PAID', 'VALIDATION_FAILED'],
      },
      async ({ params, body, caller: actor }) =>
        ok(await cancelPayout(db, params.id, { ...body, actor }).catch(noPayout)),
    ),
  ];
}
