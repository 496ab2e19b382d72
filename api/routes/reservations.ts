import { z } from 'zod';
import { ownersOf, viewerOf } from '../../domain/identity/rules';
import {
  confirmReservation,
  extendReservation,
  releaseReservation,
} from '../../domain/stock/reservations/change-reservation';
import type { ActingAccess } from '../../domain/stock/reservations/decide-change';
import { shipPart, shipReservation, type PartItem } from '../../domain/stock/reservations/ship-reservation';
import { listReservations } from '../../domain/stock/reservations/views';
import { OWN_RESERVATION, READ_RESERVATION, OWN_RESERVATIONS } from '../http/access';
import { okPage } from '../http/pages';
import { API_BASE } from '../http/paths';
import { NAMING_PROBLEMS, type ProblemCode, asNotFound, notFound } from '../http/problems';
import { type ApiResponse } from '../http/response';
import { route, type Call, type Route, type RouteDocs, type RouteSchemas } from '../http/route';
import { requireKey, type IdempotencyKey } from '../idempotency/idempotency-key';
import { runOnce } from '../idempotency/run-once';
import { idParams, name, newestCursor, pageQuery, sku, skuParams } from '../schemas/common';
import { reservationShipment } from '../schemas/naming';
import {
  extension,
  reservation,
  reservationPage,
  reservationStatus,
  skuRelease,
  unitsChange,
} from '../schemas/reservations';
import type { ApiContext } from '../services/context';
import {
  checkedDue,
  idOfReference,
  RESERVATIONS,
  reservationResponse,
  NO_RESERVATION,
} from '../use-cases/reservation-responses';
import { newReservationRoutes } from './new-reservations';

const listQuery = z.object({
  ...pageQuery,
  cursor: newestCursor,
  status: reservationStatus.optional(),
  sku: sku.optional(),
  reference: name(200).optional().meta({ description: 'The hold that you call by this name' }),
});

const KEY_PROBLEMS = ['IDEMPOTENCY_IN_FLIGHT', 'IDEMPOTENCY_KEY_REUSED', 'VALIDATION_FAILED'] as const;

/** Reservations that are made without an order: making, reading and changing them. */
export function reservationRoutes(context: ApiContext): Route[] {
  return [...newReservationRoutes(context), ...reservationReads(context), ...reservationActions(context)];
}

function reservationReads(context: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/reservations`,
        access: OWN_RESERVATIONS,
        tag: RESERVATIONS,
        summary: 'List holds that were made without an order, newest first',
        query: listQuery,
        responses: { 200: { description: 'A page', schema: reservationPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ principal, query: { cursor, reference, ...filter } }) => {
        const ids =
          reference === undefined
            ? undefined
            : ownersOf(principal).map((caller) => idOfReference({ caller }, reference));
        const { owners } = viewerOf(principal);
        const page = await listReservations(context.reports, { ...filter, ids, owners, after: cursor });
        return okPage(page);
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/reservations/{id}`,
        access: READ_RESERVATION,
        tag: RESERVATIONS,
        summary: 'A hold, without an order or of one',
        params: idParams,
        responses: { 200: { description: 'The hold', schema: reservation } },
      },
      ({ params }) => reservationResponse(context, params.id),
    ),
  ];
}

const ENDED = ['HOLD_RELEASED', 'ALREADY_SHIPPED', 'HOLD_OF_ORDER'] as const;

function reservationActions(context: ApiContext): Route[] {
  /** A change of a reservation by its id, once for a key. */
  function action<Body extends z.ZodType>(
    name: string,
    docs: Pick<RouteDocs, 'summary' | 'description' | 'bodyOptional'> & {
      problems: readonly ProblemCode[];
      body?: Body;
    },
    work: (id: string, body: z.output<Body>, request: ChangeRequest) => Promise<void>,
    check: (call: IdempotencyKey, body: z.output<Body>) => void = () => undefined,
  ): Route {
    return route(
      {
        methods: ['post'],
        path: `${API_BASE}/reservations/{id}/${name}`,
        access: OWN_RESERVATION,
        tag: RESERVATIONS,
        ...docs,
        problems: [...docs.problems, ...KEY_PROBLEMS],
        keyed: true,
        params: idParams,
        responses: { 200: { description: 'The hold afterwards', schema: reservation } },
      },
      (call) => {
        check(call, call.body);
        const what = `POST /reservations/${call.params.id}/${name}`;
        return act(context, call, call.params.id, what, (id, request) => work(id, call.body, request));
      },
    );
  }

  return [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/inventory/{sku}/release`,
        access: OWN_RESERVATIONS,
        tag: RESERVATIONS,
        summary: 'Give back a hold on this product',
        description: 'Safe to repeat. A hold on several products is released by its own address.',
        keyed: true,
        params: skuParams,
        body: skuRelease,
        responses: { 200: { description: 'The hold afterwards', schema: reservation } },
        problems: ['ALREADY_SHIPPED', 'HOLD_OF_SEVERAL_SKUS', 'HOLD_OF_ORDER', ...KEY_PROBLEMS],
      },
      async (call) => {
        const what = `POST /inventory/${call.params.sku}/release`;
        if (!(await context.access.isOwned('reservation', call.body.reservationId, call.principal)))
          throw notFound(NO_RESERVATION);
        return act(context, call, call.body.reservationId, what, (id, { access }) =>
          releaseReservation(access, id, call.params.sku),
        );
      },
    ),
    action(
      'confirm',
      {
        summary: 'Keep a hold until it is shipped or released',
        description: 'It no longer falls due. Safe to repeat.',
        problems: ['HOLD_EXPIRED', ...ENDED],
      },
      (id, _body, { access }) => confirmReservation(access, id),
    ),
    action(
      'release',
      {
        summary: 'Give a hold back, confirmed or not',
        description: 'Units go to waiting backorders at once. Safe to repeat, also when it has expired.',
        problems: ['ALREADY_SHIPPED', 'HOLD_OF_ORDER'],
      },
      (id, _body, { access }) => releaseReservation(access, id),
    ),
    action(
      'ship',
      {
        summary: 'The units of a confirmed hold leave, all or some',
        description:
          'What is on hand goes down with what is reserved. Lots and serial numbers that are not named are chosen by rule. ' +
          'Items with a `quantity` leave alone, and the rest stays held: that needs an Idempotency-Key. Safe to repeat.',
        problems: [
          'ALREADY_SHIPPED',
          'EXCEEDS_HOLD',
          'IDEMPOTENCY_KEY_REQUIRED',
          'HOLD_NOT_CONFIRMED',
          'HOLD_EXPIRED',
          'HOLD_RELEASED',
          'HOLD_OF_ORDER',
          'NOT_IN_PARCEL',
          ...NAMING_PROBLEMS,
        ],
        body: reservationShipment,
        bodyOptional: true,
      },
      (id, { items }, { requestId, access }) => {
        const part = partOf(items);
        return part
          ? shipPart(access, id, { partId: requestId, items: part })
          : shipReservation(access, id, items);
      },
      (call, { items }) => {
        if (partOf(items)) requireKey(call, 'without one a repeat would let further units leave.');
      },
    ),
    route(
      {
        methods: ['patch'],
        path: `${API_BASE}/reservations/{id}`,
        access: OWN_RESERVATION,
        tag: RESERVATIONS,
        summary: 'Hold more or fewer units',
        description:
          'All or nothing. What is added is taken as for a new hold; what is given back is on sale at once. When it falls due stays.',
        keyed: true,
        params: idParams,
        body: unitsChange,
        responses: { 200: { description: 'The hold afterwards', schema: reservation } },
        problems: [
          'OUT_OF_STOCK',
          'UNKNOWN_SKU',
          'UNKNOWN_LOCATION',
          'HOLD_EMPTY',
          'EXCEEDS_HOLD',
          'HOLD_EXPIRED',
          ...ENDED,
          ...KEY_PROBLEMS,
        ],
      },
      (call) => {
        const { items, location } = call.body;
        const what = `PATCH /reservations/${call.params.id}`;
        return act(context, call, call.params.id, what, (id, { requestId: changeId, access: { actor } }) =>
          context.reservations.change(id, { changeId, items, location: location ?? null, actor }),
        );
      },
    ),
    action(
      'extend',
      {
        summary: 'Let a hold fall due later',
        description: 'Never earlier than it does already.',
        problems: ['HOLD_EXPIRED', 'HOLD_CONFIRMED', 'NOT_LATER', ...ENDED],
        body: extension,
      },
      (id, due, { access }) => extendReservation(access, id, checkedDue(due)),
    ),
  ];
}

/** Null: everything leaves. */
function partOf(items: z.output<typeof reservationShipment>['items']): PartItem[] | null {
  const part = (items ?? []).flatMap(({ quantity, ...item }) =>
    quantity === undefined ? [] : [{ ...item, quantity }],
  );
  return part.length > 0 ? part : null;
}

/** One request to change a hold: the same one again has the same id. */
interface ChangeRequest {
  requestId: string;
  access: ActingAccess & { actor: string };
}

function act(
  context: ApiContext,
  call: Call<RouteSchemas>,
  id: string,
  what: string,
  work: (id: string, request: ChangeRequest) => Promise<void>,
): Promise<ApiResponse> {
  return runOnce(context, call, what, async (requestId) => {
    const access = { db: context.db, stock: context.stock, actor: call.caller };
    await work(id, { requestId, access }).catch(asNotFound('HOLD_NOT_FOUND', NO_RESERVATION));
    return reservationResponse(context, id);
  });
}
