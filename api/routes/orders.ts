import { z } from 'zod';
import { orderViewerOf } from '../../domain/identity/rules';
import { expectNoAccount } from '../../domain/notifications/contacts';
import { createOrderReader, listOrders } from '../../domain/ordering/views';
import { readOrderStatus, readSourcing } from '../../domain/orders/views';
import { ORDERS, OWN_ORDER } from '../http/access';
import { okPage } from '../http/pages';
import { API_BASE } from '../http/paths';
import { ok, type ApiResponse } from '../http/response';
import { route, type Route } from '../http/route';
import { idForKey, requireKey } from '../idempotency/idempotency-key';
import { runOnce } from '../idempotency/run-once';
import { idParams, line, newestCursor, pageQuery, sku, timeQuery } from '../schemas/common';
import { amendBody, cancelBody, newOrder, reviewStatus } from '../schemas/order-requests';
import { order, orderPage, orderStatus, orderStatusView, sourcing, undecided } from '../schemas/orders';
import { payment, paymentMethod } from '../schemas/payments';
import type { ApiContext } from '../services/context';
import { onReports } from '../services/searches';
import { amendOrder } from '../use-cases/amend-order';
import { askedBy } from '../use-cases/asked';
import { cutItems } from '../use-cases/cut-items';
import { cancelOrder } from '../use-cases/cancel-order';
import { PAY_PROBLEMS, payOrder } from '../use-cases/pay-order';
import { customerOf, placeOrder, termsOf } from '../use-cases/place-order';
import { decisionForCustomer, shownToCustomers } from '../use-cases/customer-view';
import { expectKnownToken } from '../use-cases/known-tokens';
import { orderNotFound } from '../use-cases/saga-update';

const TAG = 'Orders';

const listQuery = z.strictObject({
  ...pageQuery,
  cursor: newestCursor,
  status: orderStatus.optional(),
  review: reviewStatus.optional().meta({
    description: 'open: only those that can be decided about, of which money is authorised',
  }),
  customerId: line(200).optional(),
  sku: sku.optional(),
  from: timeQuery.optional().meta({ description: 'Made at this time or later' }),
  to: timeQuery.optional().meta({ description: 'Made before this time' }),
});

/** Placing, paying, amending and cancelling. `knownTokens`: those of the sandbox; null with a real gateway, which knows its own. */
export function orderActions(context: ApiContext, knownTokens: readonly string[] | null): Route[] {
  const routes = [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/orders`,
        access: ORDERS,
        tag: TAG,
        summary: 'Place an order',
        description:
          'Answers once the stock is held; a payment that comes with the order is charged afterwards. Without one the ' +
          'order waits to be paid until its hold expires. An order of which more units would wait for stock than may is ' +
          'refused with BACKORDER_LIMIT: `scope` says whether the limit is that of a product (`sku`) or of the customer ' +
          '(`skus`), `limit` how many units may wait, `waiting` how many do, and `wanted` how many more would. Customers who have ' +
          'too many orders or units that are not paid for get UNPAID_LIMIT (`scope`: `orders` or `units`, `limit`, `unpaid`); ' +
          '`backorderSeconds`, `capture`, `contact` and `sourcing` are for services and operators. CONTACT_NOT_TAKEN: the customer has an account, and gets mails at its address.',
        keyed: true,
        body: newOrder,
        responses: {
          201: { description: 'The stock is held', schema: order },
          202: { description: 'Not decided in time, or not known whether it arrived', schema: undecided },
        },
        problems: [
          'OUT_OF_STOCK',
          'BACKORDER_LIMIT',
          'UNPAID_LIMIT',
          'MEMBERS_NOT_ALLOWED',
          'CONTACT_NOT_TAKEN',
          'ORDER_FAILED',
          'VALIDATION_FAILED',
          'UNKNOWN_SKU',
          'MIXED_CURRENCIES',
          'PRICE_NOT_CHARGEABLE',
          'IDEMPOTENCY_KEY_REUSED',
          'OVERLOADED',
          'ENGINE_UNAVAILABLE',
        ],
      },
      async (call) => {
        expectKnownToken(knownTokens, call.body.payment?.token, 'payment.token');
        const { body, principal } = call;
        const customerId = customerOf(principal, body.customerId);
        const terms = termsOf(principal, body, context.settings);
        if (terms.contact) await expectNoAccount(context.db, customerId);
        return placeOrder(context, { ...call, body: { ...terms, customerId } });
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/orders/{id}/payments`,
        access: OWN_ORDER,
        tag: TAG,
        summary: 'Pay an order',
        description:
          'After a decline another card may be tried until the hold expires. One that waits for its customer to authenticate is no ' +
          'obstacle either: another card takes its place, and what the first may capture all the same goes back.',
        keyed: true,
        params: idParams,
        body: paymentMethod,
        responses: {
          200: { description: 'Captured, or authorised where it is captured apart', schema: payment },
          202: {
            description:
              'The outcome is not known yet, or the customer is to authenticate (`requires_action`): see `nextAction`',
            schema: z.union([payment, z.object({ status: z.literal('pending') })]),
          },
        },
        problems: [
          ...PAY_PROBLEMS,
          'IDEMPOTENCY_IN_FLIGHT',
          'IDEMPOTENCY_KEY_REUSED',
          'VALIDATION_FAILED',
          'ENGINE_UNAVAILABLE',
          'ORDER_STEP_FAILED',
        ],
      },
      (call) => {
        expectKnownToken(knownTokens, call.body.token, 'token');
        const { id: orderId } = call.params;
        return runOnce(
          context,
          call,
          `POST /orders/${orderId}/payments`,
          (updateId) => payOrder(context, { ...askedBy(call), orderId, method: call.body, updateId }),
          idForKey(call, 'pay', orderId),
        );
      },
    ),
    route(
      {
        methods: ['patch'],
        path: `${API_BASE}/orders/{id}`,
        access: OWN_ORDER,
        tag: TAG,
        summary: 'Amend an order before it is booked',
        description:
          'All or nothing. `items` are the units that the order is to have: SKUs that are not named stay, 0 removes one. ' +
          'An order that is not paid for keeps its hold, which expires when it did. What is added to a paid order is charged to ' +
          'its stored payment method; only once that is paid is the rest taken out, with its refund. More units are taken from ' +
          'stock, never backordered; `shortages` count those that the order does not have yet. A product whose price has changed since ' +
          'cannot be added (PRICE_CHANGED). A new `shipTo` does not move what is reserved. NOT_AMENDABLE: `detail` says why. AMENDMENT_IN_PROGRESS: a charge, a cut or ' +
          'another amendment is under way; send the same request with the same key again. ' +
          'Units that could not be taken out are in `notTakenOut` of the event `order_amended`, or of the problem where nothing changed.',
        keyed: true,
        params: idParams,
        body: amendBody,
        responses: {
          200: { description: 'It is amended', schema: order },
          202: { description: 'Not decided yet: what is added is being charged', schema: order },
        },
        problems: [
          'PAYMENT_DECLINED',
          'OUT_OF_STOCK',
          'NOT_AMENDABLE',
          'AMENDMENT_IN_PROGRESS',
          'PRICE_CHANGED',
          'PAYMENT_ATTEMPTS_EXCEEDED',
          'AMENDMENTS_EXCEEDED',
          'UNPAID_LIMIT',
          'UNKNOWN_SKU',
          'MIXED_CURRENCIES',
          'PRICE_NOT_CHARGEABLE',
          'IDEMPOTENCY_KEY_REQUIRED',
          'IDEMPOTENCY_KEY_REUSED',
          'IDEMPOTENCY_IN_FLIGHT',
          'VALIDATION_FAILED',
          'ENGINE_UNAVAILABLE',
          'ORDER_STEP_FAILED',
        ],
      },
      (call) => {
        const { id: orderId } = call.params;
        const { items = [], shipTo = null } = call.body;
        requireKey(call, 'a repeat must not amend what has changed since.');
        return runOnce(
          context,
          call,
          `PATCH /orders/${orderId}`,
          (requestId) => amendOrder(context, { ...askedBy(call), orderId, items, shipTo, requestId }),
          idForKey(call, 'amend', orderId),
        );
      },
    ),
    route(
      {
        methods: ['post', 'put'],
        path: `${API_BASE}/orders/{id}/cancel`,
        access: OWN_ORDER,
        tag: TAG,
        summary: 'Cancel an order',
        description:
          'Ends everything of it that has not left, or with `items` only these units as far as they have not left. It waits up to 10 s until the stock is on sale and the money is given back, or needs a person (`attention`). Safe to repeat; with `items` by its Idempotency-Key.',
        keyed: true,
        params: idParams,
        body: cancelBody,
        bodyOptional: true,
        responses: {
          200: { description: 'All or the rest of it is cancelled', schema: order },
          202: {
            description: 'A charge, a refund or the stop of a shipment is not resolved yet',
            schema: order,
          },
        },
        problems: [
          'NOT_CANCELLABLE',
          'AMENDMENTS_EXCEEDED',
          'IDEMPOTENCY_KEY_REQUIRED',
          'IDEMPOTENCY_KEY_REUSED',
          'IDEMPOTENCY_IN_FLIGHT',
          'VALIDATION_FAILED',
          'ENGINE_UNAVAILABLE',
          'ORDER_STEP_FAILED',
        ],
      },
      (call) => {
        const { id: orderId } = call.params;
        const { reason = null, items } = call.body;
        if (!items) return cancelOrder(context, { ...askedBy(call), orderId, reason });
        requireKey(call, 'without one a repeat would take out as many units again.');
        return runOnce(
          context,
          call,
          `POST /orders/${orderId}/cancel`,
          (requestId) => cutItems(context, { ...askedBy(call), orderId, items, reason, requestId }),
          idForKey(call, 'cut', orderId),
        );
      },
    ),
  ];
  return routes.map(shownToCustomers);
}

export function orderReads(context: ApiContext): Route[] {
  const { db } = context;
  const orderOf = createOrderReader(db);
  const routes = [
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/orders`,
        access: ORDERS,
        tag: TAG,
        summary: 'List orders, newest first',
        query: listQuery,
        responses: { 200: { description: 'A page', schema: orderPage } },
        problems: ['VALIDATION_FAILED', 'OVERLOADED'],
      },
      async ({ principal, signal, query: { cursor, ...filter } }) => {
        const viewer = orderViewerOf(principal);
        const page = await onReports(context, { principal, signal }, (reports) =>
          listOrders(reports, { ...filter, viewer, after: cursor }),
        );
        return okPage(page);
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/orders/{id}`,
        access: OWN_ORDER,
        tag: TAG,
        summary: 'An order',
        params: idParams,
        responses: { 200: { description: 'The order', schema: order } },
      },
      async ({ params }) => found((await orderOf(params.id))?.view),
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/orders/{id}/status`,
        access: OWN_ORDER,
        tag: TAG,
        summary: 'The status of an order',
        params: idParams,
        responses: { 200: { description: 'The status', schema: orderStatusView } },
      },
      async ({ params }) => found(await readOrderStatus(db, params.id)),
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/orders/{id}/sourcing`,
        access: OWN_ORDER,
        tag: TAG,
        summary: 'Why these warehouses',
        description: 'Customers see those from which something was taken, and not what is free there.',
        params: idParams,
        responses: { 200: { description: 'The decision for each SKU', schema: sourcing } },
      },
      async ({ params, principal }) => {
        const decisions = await readSourcing(db, params.id);
        const isCustomer = principal.role === 'customer';
        return found(
          decisions && {
            id: params.id,
            decisions: isCustomer ? decisions.map(decisionForCustomer) : decisions,
          },
        );
      },
    ),
  ];
  return routes.map(shownToCustomers);
}

function found(thing: object | null | undefined): ApiResponse {
  if (!thing) throw orderNotFound();
  return ok(thing);
}
