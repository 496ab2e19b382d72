import { z } from 'zod';
import {
  addNote,
  addTag,
  listNotes,
  readStaffViews,
  removeNote,
  removeTag,
} from '../../domain/administration/notes';
import { retryOrder } from '../../domain/administration/retry';
import type { OrderView } from '../../domain/ordering/types';
import { listOrders, readOrder } from '../../domain/ordering/views';
import { readOrderStatus } from '../../domain/orders/views';
import { askLimitMs } from '../../platform/config';
import { OPERATORS } from '../http/access';
import { okPage } from '../http/pages';
import { API_BASE } from '../http/paths';
import { asNotFound, notFound } from '../http/problems';
import { NO_CONTENT, ok } from '../http/response';
import { route, type Route } from '../http/route';
import { idForKey } from '../idempotency/idempotency-key';
import { runOnce } from '../idempotency/run-once';
import {
  adminOrder,
  adminOrderPage,
  newNote,
  note,
  notePage,
  noteParams,
  retried,
  statusChange,
  tag,
  tagParams,
  tags,
} from '../schemas/administration';
import { idParams, line, newestCursor, pageQuery, sku, timeQuery } from '../schemas/common';
import { attentionKind, order, orderStatus } from '../schemas/orders';
import type { ApiContext } from '../services/context';
import { askedBy } from '../use-cases/asked';
import { expectKnownToken } from '../use-cases/known-tokens';
import { orderNotFound } from '../use-cases/saga-update';
import { PAY_PROBLEMS } from '../use-cases/pay-order';
import { setOrderStatus } from '../use-cases/set-order-status';

const TAG = 'Administration';
const PATH = `${API_BASE}/admin/orders`;
const NO_ORDER = 'There is no such order.';

const listQuery = z.strictObject({
  ...pageQuery,
  cursor: newestCursor,
  status: orderStatus.optional(),
  customerId: line(200).optional(),
  sku: sku.optional(),
  from: timeQuery.optional().meta({ description: 'Made at this time or later' }),
  to: timeQuery.optional().meta({ description: 'Made before this time' }),
  attention: z
    .union([z.literal('any'), attentionKind])
    .optional()
    .meta({ description: 'Those that need a person for this reason; `any`: for whatever reason' }),
  tag: tag.optional(),
  text: line(200).optional().meta({
    description:
      'Words that are all in one of its notes; or the tracking number of a parcel; or the id of the order, a reservation, payment, refund or parcel of it',
  }),
});

const noOrder = asNotFound('UNKNOWN_ORDER', NO_ORDER);

/** Orders as staff see and change them. `knownTokens`: those of the sandbox; null with a real gateway. */
export function adminOrderRoutes(context: ApiContext, knownTokens: readonly string[] | null): Route[] {
  const { db, reports } = context;

  async function withStaffView(orders: readonly OrderView[]): Promise<object[]> {
    const views = await readStaffViews(
      reports,
      orders.map(({ id }) => id),
    );
    return orders.map((one) => ({ ...one, ...views.get(one.id) }));
  }

  return [
    route(
      {
        methods: ['get'],
        path: PATH,
        access: OPERATORS,
        tag: TAG,
        summary: 'List orders with what staff noted, newest first',
        query: listQuery,
        responses: { 200: { description: 'A page', schema: adminOrderPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ query: { cursor, ...filter } }) => {
        const page = await listOrders(reports, { ...filter, after: cursor });
        return okPage({ ...page, items: await withStaffView(page.items) });
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${PATH}/{id}`,
        access: OPERATORS,
        tag: TAG,
        summary: 'An order, with what staff noted',
        params: idParams,
        responses: { 200: { description: 'The order', schema: adminOrder } },
      },
      async ({ params }) => {
        const found = await readOrder(db, params.id);
        if (!found) throw orderNotFound();
        return ok((await withStaffView([found.view]))[0]);
      },
    ),
    route(
      {
        methods: ['put'],
        path: `${PATH}/{id}/status`,
        access: OPERATORS,
        tag: TAG,
        summary: "Ask an order's saga for what brings it to a status",
        description:
          'Nothing is written by hand: `cancelled` ends what has not left, of an order that is reserved, paid or fulfilling; `paid` charges a reserved one with the `payment` that comes with it. ' +
          'Every other status tells of goods or money that moved: 409 STATUS_NOT_ALLOWED, with what is `allowed` now and `how` an order comes to the one asked for. An order that has the status is returned as it is.',
        keyed: true,
        params: idParams,
        body: statusChange,
        responses: {
          200: { description: 'The order afterwards', schema: order },
          202: {
            description: 'A charge, a refund or the stop of a shipment is not resolved yet',
            schema: order,
          },
        },
        problems: [
          'STATUS_NOT_ALLOWED',
          'NOT_CANCELLABLE',
          ...PAY_PROBLEMS,
          'IDEMPOTENCY_IN_FLIGHT',
          'IDEMPOTENCY_KEY_REUSED',
          'VALIDATION_FAILED',
          'ENGINE_UNAVAILABLE',
          'ORDER_STEP_FAILED',
        ],
      },
      (call) => {
        const { id: orderId } = call.params;
        const { status, reason = null, payment = null } = call.body;
        expectKnownToken(knownTokens, payment?.token, 'payment.token');
        return runOnce(
          context,
          call,
          `PUT /admin/orders/${orderId}/status`,
          (updateId) =>
            setOrderStatus(context, { ...askedBy(call), orderId, status, reason, payment, updateId }),
          idForKey(call, 'pay', orderId),
        );
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${PATH}/{id}/retry`,
        access: OPERATORS,
        tag: TAG,
        summary: 'Try again now what of an order failed',
        description:
          'Refunds and captures that failed or wait, work that failed on the order, its parcels and reservations, and the step of its saga. Safe to repeat; what the gateway was asked about just now stays as it is.',
        params: idParams,
        responses: { 200: { description: 'What is tried again', schema: retried } },
      },
      async ({ params, caller }) => {
        const request = { orderId: params.id, actor: caller, askLimitMs: askLimitMs(context.settings) };
        return ok({ items: await retryOrder(db, request).catch(noOrder) });
      },
    ),
    ...noteRoutes(context),
  ];
}

function noteRoutes(context: ApiContext): Route[] {
  const { db, reports } = context;
  return [
    route(
      {
        methods: ['get'],
        path: `${PATH}/{id}/notes`,
        access: OPERATORS,
        tag: TAG,
        summary: 'List the notes about an order, newest first',
        params: idParams,
        query: z.strictObject({ ...pageQuery, cursor: newestCursor }),
        responses: { 200: { description: 'A page', schema: notePage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ params, query: { cursor, ...page } }) => {
        if (!(await readOrderStatus(reports, params.id))) throw orderNotFound();
        return okPage(await listNotes(reports, { ...page, orderId: params.id, after: cursor }));
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${PATH}/{id}/notes`,
        access: OPERATORS,
        tag: TAG,
        summary: 'Note something about an order',
        description: 'For staff: neither its customer nor the service that placed it sees it.',
        keyed: true,
        params: idParams,
        body: newNote,
        responses: { 201: { description: 'The note', schema: note } },
        problems: ['ORDER_ERASED', 'IDEMPOTENCY_KEY_REUSED', 'IDEMPOTENCY_IN_FLIGHT', 'VALIDATION_FAILED'],
      },
      (call) => {
        const { id: orderId } = call.params;
        return runOnce(
          context,
          call,
          `POST /admin/orders/${orderId}/notes`,
          async (id) => {
            const wanted = { id, orderId, text: call.body.text, actor: call.caller };
            return { status: 201, body: await addNote(db, wanted).catch(noOrder) };
          },
          idForKey(call, 'order-note', orderId),
        );
      },
    ),
    route(
      {
        methods: ['delete'],
        path: `${PATH}/{id}/notes/{noteId}`,
        access: OPERATORS,
        tag: TAG,
        summary: 'Remove a note for good',
        params: noteParams,
        responses: { 204: { description: 'It is removed' } },
      },
      async ({ params: { id: orderId, noteId }, caller }) => {
        if (!(await removeNote(db, { orderId, noteId, actor: caller })))
          throw notFound('There is no such note.');
        return NO_CONTENT;
      },
    ),
    route(
      {
        methods: ['put'],
        path: `${PATH}/{id}/tags/{tag}`,
        access: OPERATORS,
        tag: TAG,
        summary: 'Give an order a tag',
        description: 'Safe to repeat. For staff, as notes are.',
        params: tagParams,
        responses: { 200: { description: 'Its tags afterwards', schema: tags } },
        problems: ['ORDER_ERASED', 'TAGS_EXCEEDED'],
      },
      async ({ params: { id: orderId, tag: given }, caller }) =>
        ok({ tags: await addTag(db, { orderId, tag: given, actor: caller }).catch(noOrder) }),
    ),
    route(
      {
        methods: ['delete'],
        path: `${PATH}/{id}/tags/{tag}`,
        access: OPERATORS,
        tag: TAG,
        summary: 'Take a tag from an order',
        description: 'Safe to repeat.',
        params: tagParams,
        responses: { 200: { description: 'Its tags afterwards', schema: tags } },
      },
      async ({ params: { id: orderId, tag: given }, caller }) =>
        ok({ tags: await removeTag(db, { orderId, tag: given, actor: caller }).catch(noOrder) }),
    ),
  ];
}
