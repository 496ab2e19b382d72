import { z } from 'zod';
import { acceptDifference, bookDifference, listDifferences } from '../../domain/reconciliation/differences';
import { expectGatewayRun, inputOf } from '../../domain/reconciliation/request';
import { stageStatement } from '../../domain/reconciliation/stage';
import {
  DIFFERENCE_CLASSES,
  DIFFERENCE_STATUSES,
  type ReconciliationRequest,
} from '../../domain/reconciliation/types';
import { isAppError } from '../../platform/errors';
import { OPERATORS } from '../http/access';
import { cursorOf } from '../http/cursor';
import { okPage } from '../http/pages';
import { API_BASE } from '../http/paths';
import { asNotFound, invalid } from '../http/problems';
import { ok } from '../http/response';
import { route, type Route } from '../http/route';
import { idParams, pageQuery, smallRowNumber } from '../schemas/common';
import { jobAcceptedBody } from '../schemas/jobs';
import {
  acceptance,
  booking,
  difference,
  differencePage,
  differenceParams,
  reconciliationQuery,
} from '../schemas/reconciliation';
import type { ApiContext } from '../services/context';
import { UPLOAD_PROBLEMS, UPLOAD_TYPES, type UploadIntake } from '../use-cases/upload-intake';

const TAG = 'Money';
const SCOPE = 'POST /jobs/reconciliation';
const LIST = `${API_BASE}/reconciliations/{id}/differences`;
const ONE = `${LIST}/{n}`;
/** Days may differ by a time zone; a bank takes days to book. */
const TOLERANCE_DAYS = { gateway: 1, bank: 5 } as const;

const noReconciliation = asNotFound('RECONCILIATION_NOT_FOUND', 'There is no such reconciliation.');
const noDifference = asNotFound('DIFFERENCE_NOT_FOUND', 'There is no such difference.');

function unknownRun(error: unknown): never {
  throw isAppError(error, 'RECONCILIATION_NOT_FOUND')
    ? invalid([{ path: 'of', message: 'is no reconciliation' }])
    : error;
}

const listQuery = z.strictObject({
  ...pageQuery,
  cursor: cursorOf(z.object({ n: smallRowNumber })).optional(),
  class: z.enum(DIFFERENCE_CLASSES).optional(),
  status: z.enum(DIFFERENCE_STATUSES).optional(),
});

/** The money ledger against what a gateway and a bank say. */
export function reconciliationRoutes(context: ApiContext, uploads: UploadIntake): Route[] {
  return [starting(context, uploads), ...deciding(context)];
}

function starting({ db, settings }: ApiContext, uploads: UploadIntake): Route {
  return route(
    {
      methods: ['post'],
      path: `${API_BASE}/jobs/reconciliation`,
      access: OPERATORS,
      tag: 'Jobs',
      summary: 'Compare the money ledger with what a gateway or a bank says',
      description:
        'CSV with a header (RFC 4180; amounts in major units), or JSON lines (amounts in minor units), also with `Content-Encoding: gzip`. Columns `type`, `source_id`, `payment_intent_id`, `automatic_payout_id`, `gross` or `amount`, `fee`, `net`, `currency`, `created`, as Stripe names them; of a bank `reference`, `amount`, `currency`, `date`. Answered when all of it is stored; the comparison then goes on by itself.',
      keyed: true,
      upload: UPLOAD_TYPES,
      query: reconciliationQuery,
      responses: { 202: { description: 'Stored', schema: jobAcceptedBody } },
      problems: [...UPLOAD_PROBLEMS, 'RECONCILIATION_NOT_DONE'],
    },
    async (call) => {
      const { query } = call;
      const { report: mode, from, to, of = null, decimal, dateOrder, currency } = query;
      const { feeBasisPoints, feeFixedMinor } = query;
      const request: ReconciliationRequest = {
        mode,
        from,
        to,
        gateway: mode === 'gateway' ? (query.gateway ?? settings.PAYMENT_GATEWAY) : null,
        gatewayJobId: of,
        accountCurrency: mode === 'bank' ? (currency ?? null) : null,
        toleranceDays: query.toleranceDays ?? TOLERANCE_DAYS[mode],
        fee:
          feeBasisPoints === undefined && feeFixedMinor === undefined
            ? null
            : { rateBasisPoints: feeBasisPoints ?? 0, fixedMinor: feeFixedMinor ?? 0 },
        dryRun: query.dryRun,
      };
      if (of !== null) await expectGatewayRun(db, of).catch(unknownRun);
      return uploads.take(call, {
        name: 'reconciliation',
        scope: SCOPE,
        request: { ...inputOf(request), decimal, currency, dateOrder },
        stage: ({ jobId, source, format, charset }) =>
          stageStatement(db, {
            jobId,
            actor: call.caller,
            request,
            format: { format, charset, decimal, currency, dateOrder },
            source,
          }),
      });
    },
  );
}

function deciding({ db }: ApiContext): Route[] {
  const responses = { 200: { description: 'The difference afterwards', schema: difference } };
  return [
    route(
      {
        methods: ['get'],
        path: LIST,
        access: OPERATORS,
        tag: TAG,
        summary: 'What differs between the money ledger and a file',
        params: idParams,
        query: listQuery,
        responses: { 200: { description: 'A page', schema: differencePage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ params: { id: jobId }, query: { cursor, ...filter } }) =>
        okPage(await listDifferences(db, { ...filter, jobId, after: cursor?.n }).catch(noReconciliation)),
    ),
    route(
      {
        methods: ['post'],
        path: `${ONE}/accept`,
        access: OPERATORS,
        tag: TAG,
        summary: 'Say that a difference is known, and that nothing is to be booked',
        description: 'Safe to repeat with the same reason.',
        params: differenceParams,
        body: acceptance,
        responses,
        problems: ['DIFFERENCE_DECIDED', 'RECONCILIATION_DRY_RUN', 'VALIDATION_FAILED'],
      },
      async ({ params: { id: jobId, n }, body, caller: actor }) =>
        ok(
          await acceptDifference(db, { jobId, n, ...body, actor })
            .catch(noReconciliation)
            .catch(noDifference),
        ),
    ),
    route(
      {
        methods: ['post'],
        path: `${ONE}/book`,
        access: OPERATORS,
        tag: TAG,
        summary: 'Book a difference as an adjustment in the money ledger',
        description:
          'What they have more than we moves from `gateway_clearing` to `adjustments`, or to what the merchant is owed; less moves back. Safe to repeat with the same reason and merchant.',
        params: differenceParams,
        body: booking,
        responses,
        problems: [
          'DIFFERENCE_BOOKED_ELSEWHERE',
          'DIFFERENCE_DECIDED',
          'DIFFERENCE_NOT_BOOKABLE',
          'RECONCILIATION_DRY_RUN',
          'UNKNOWN_MERCHANT',
          'VALIDATION_FAILED',
        ],
      },
      async ({ params: { id: jobId, n }, body, caller: actor }) =>
        ok(
          await bookDifference(db, { jobId, n, ...body, actor })
            .catch(noReconciliation)
            .catch(noDifference),
        ),
    ),
  ];
}
