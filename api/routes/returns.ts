import { z } from 'zod';
import { authoriseReturn } from '../../domain/warehousing/returns/authorise';
import { cancelReturn } from '../../domain/warehousing/returns/end';
import { inspectReturn } from '../../domain/warehousing/returns/inspect';
import { receiveReturn } from '../../domain/warehousing/returns/receive';
import { listReturns, readReturn } from '../../domain/warehousing/returns/views';
import { CHANGE_INVENTORY, OWN_RETURN, READ_INVENTORY, RETURNS } from '../http/access';
import { okPage } from '../http/pages';
import { API_BASE } from '../http/paths';
import { problem } from '../http/problems';
import { ok, okOrNotFound } from '../http/response';
import { route, type Route } from '../http/route';
import { runOnce } from '../idempotency/run-once';
import { idParams, uuid } from '../schemas/common';
import {
  customerReturn,
  inspection,
  newReturn,
  returnPage,
  returnReceipt,
  returnStatus,
} from '../schemas/returns';
import { documentQuery } from '../schemas/warehousing';
import type { ApiContext } from '../services/context';

const TAG = 'Returns';
const PATH = `${API_BASE}/returns`;

export function returnRoutes(context: ApiContext): Route[] {
  return [...returnSteps(context), ...returnReads(context)];
}

function returnSteps(context: ApiContext): Route[] {
  const { db, settings } = context;
  const responses = { 200: { description: 'The return afterwards', schema: customerReturn } };
  return [
    route(
      {
        methods: ['post'],
        path: PATH,
        access: RETURNS,
        tag: TAG,
        summary: 'Authorise a return',
        description:
          'Of what was shipped and is not returned yet. Says what goes back for a unit; no money moves before the inspection. An order that the caller does not see is not known.',
        keyed: true,
        body: newReturn,
        responses: { 201: { description: 'Authorised', schema: customerReturn } },
        problems: [
          'NOT_RETURNABLE',
          'UNKNOWN_ORDER',
          'VALIDATION_FAILED',
          'IDEMPOTENCY_KEY_REUSED',
          'IDEMPOTENCY_IN_FLIGHT',
        ],
      },
      async (call) => {
        if (!(await context.access.isOwned('order', call.body.orderId, call.principal)))
          throw problem('UNKNOWN_ORDER', 'There is no such order.');
        return runOnce(context, call, 'POST /returns', async (returnId) => {
          const made = await authoriseReturn(db, {
            returnId,
            ...call.body,
            restockingFee: call.body.restockingFee ?? { percent: settings.RETURN_RESTOCKING_FEE_PERCENT },
            days: settings.RETURN_AUTHORISATION_DAYS,
            actor: call.caller,
          });
          return { status: 201, body: made, headers: { location: `${PATH}/${made.id}` } };
        });
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${PATH}/{id}/receive`,
        access: CHANGE_INVENTORY,
        tag: TAG,
        summary: 'Note that goods came in',
        description: 'They are on hand only once they are inspected.',
        keyed: true,
        params: idParams,
        body: returnReceipt,
        responses,
        problems: [
          'RETURN_CLOSED',
          'RETURN_EXCEEDS_AUTHORISED',
          'RETURN_AT_ANOTHER_LOCATION',
          'UNKNOWN_LOCATION',
          'VALIDATION_FAILED',
          'IDEMPOTENCY_KEY_REUSED',
          'IDEMPOTENCY_IN_FLIGHT',
        ],
      },
      (call) =>
        runOnce(context, call, `POST /returns/${call.params.id}/receive`, async (stepId) =>
          ok(await receiveReturn(db, { returnId: call.params.id, stepId, ...call.body, actor: call.caller })),
        ),
    ),
    route(
      {
        methods: ['post'],
        path: `${PATH}/{id}/inspect`,
        access: OWN_RETURN,
        tag: TAG,
        summary: 'Decide what becomes of goods that came in',
        description:
          'Restocked units are on hand at once, for waiting backorders first. What goes back for the units is planned at once, as far as there is money left of the payment that paid for them.',
        keyed: true,
        params: idParams,
        body: inspection,
        responses,
        problems: [
          'RETURN_CLOSED',
          'RETURN_EXCEEDS_RECEIVED',
          'QUANTITY_OVERFLOW',
          'NOT_TRACKED',
          'SERIAL_NOT_THERE',
          'UNITS_NAMED_TWICE',
          'TOO_MANY_UNITS_NAMED',
          'UNKNOWN_LOT',
          'LOT_SHORT',
          'VALIDATION_FAILED',
          'IDEMPOTENCY_KEY_REUSED',
          'IDEMPOTENCY_IN_FLIGHT',
        ],
      },
      (call) =>
        runOnce(context, call, `POST /returns/${call.params.id}/inspect`, async (stepId) =>
          ok(
            await inspectReturn(context, {
              returnId: call.params.id,
              stepId,
              ...call.body,
              actor: call.caller,
            }),
          ),
        ),
    ),
    route(
      {
        methods: ['post'],
        path: `${PATH}/{id}/cancel`,
        access: CHANGE_INVENTORY,
        tag: TAG,
        summary: 'Call off a return of which nothing has come in',
        description: 'Safe to repeat.',
        params: idParams,
        responses,
        problems: ['RETURN_NOT_CANCELLABLE'],
      },
      async ({ params, caller }) => ok(await cancelReturn(db, { returnId: params.id, actor: caller })),
    ),
  ];
}

function returnReads({ db, reports }: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['get'],
        path: PATH,
        access: READ_INVENTORY,
        tag: TAG,
        summary: 'List returns, newest first',
        query: z.object({ ...documentQuery, orderId: uuid.optional(), status: returnStatus.optional() }),
        responses: { 200: { description: 'A page', schema: returnPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ query: { cursor, ...filter } }) => {
        const page = await listReturns(reports, { ...filter, after: cursor });
        return okPage(page);
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${PATH}/{id}`,
        access: READ_INVENTORY,
        tag: TAG,
        summary: 'A return',
        params: idParams,
        responses: { 200: { description: 'The return', schema: customerReturn } },
      },
      async ({ params }) => {
        return okOrNotFound(await readReturn(db, params.id), 'There is no such return.');
      },
    ),
  ];
}
