import { ownersOf } from '../../domain/identity/rules';
import type { Principal } from '../../domain/identity/types';
import { readReservations } from '../../domain/stock/reservations/views';
import type { ReservationRequest } from '../../domain/stock/reservations/plan-reservation';
import { OWN_RESERVATIONS } from '../http/access';
import { API_BASE } from '../http/paths';
import { problem, type ProblemCode } from '../http/problems';
import type { ApiResponse } from '../http/response';
import { route, type Call, type Route, type RouteSchemas } from '../http/route';
import { fingerprintOf } from '../../platform/database/idempotency';
import { runOnce } from '../idempotency/run-once';
import { skuParams } from '../schemas/common';
import { reservation, newReservation, newSkuReservation, type Due } from '../schemas/reservations';
import type { ApiContext } from '../services/context';
import { checkedDue, idOfReference, RESERVATIONS } from '../use-cases/reservation-responses';

const RESERVE_PROBLEMS = [
  'OUT_OF_STOCK',
  'REFERENCE_REUSED',
  'UNKNOWN_LOCATION',
  'OVERLOADED',
  'IDEMPOTENCY_IN_FLIGHT',
  'IDEMPOTENCY_KEY_REUSED',
  'VALIDATION_FAILED',
] as const;

/** Making reservations without an order. */
export function newReservationRoutes(context: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/inventory/{sku}/reserve`,
        access: OWN_RESERVATIONS,
        tag: RESERVATIONS,
        summary: 'Hold units of a product',
        description:
          'Nearest warehouses first, or one location only. What is not confirmed in time is freed.',
        keyed: true,
        params: skuParams,
        body: newSkuReservation,
        responses: { 201: { description: 'Held', schema: reservation } },
        problems: RESERVE_PROBLEMS,
      },
      (call) =>
        reserve(context, call, `POST /inventory/${call.params.sku}/reserve`, {
          lines: [{ sku: call.params.sku, quantity: call.body.quantity }],
          shipTo: null,
          // The SKU is part of the address here: an unknown one is a thing that does not exist.
          unknownSku: 'NOT_FOUND',
        }),
    ),
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/reservations`,
        access: OWN_RESERVATIONS,
        tag: RESERVATIONS,
        summary: 'Hold units of several products, all or nothing',
        keyed: true,
        body: newReservation,
        responses: { 201: { description: 'Held', schema: reservation } },
        problems: ['UNKNOWN_SKU', ...RESERVE_PROBLEMS],
      },
      (call) =>
        reserve(context, call, 'POST /reservations', {
          lines: call.body.items,
          shipTo: call.body.shipTo,
          unknownSku: 'UNKNOWN_SKU',
        }),
    ),
  ];
}

/** The id of the hold that a caller calls by this name; of one that was made under it before it was adopted, that one's. */
async function heldAs(context: ApiContext, principal: Principal, reference: string): Promise<string> {
  const [own = '', ...adopted] = ownersOf(principal).map((caller) => idOfReference({ caller }, reference));
  if (adopted.length === 0) return own;
  const found = await readReservations(context.db, [own, ...adopted]);
  return found.has(own) ? own : (adopted.find((id) => found.has(id)) ?? own);
}

interface ReservationBody extends Due {
  location?: string | null | undefined;
  orderId?: string | null | undefined;
  reference?: string | null | undefined;
}

function reserve(
  context: ApiContext,
  call: Call<RouteSchemas> & { body: ReservationBody },
  what: string,
  { unknownSku, ...wanted }: Pick<ReservationRequest, 'lines' | 'shipTo'> & { unknownSku: ProblemCode },
): Promise<ApiResponse> {
  const { location, orderId, reference } = call.body;
  const own = reference
    ? { reference, fingerprint: fingerprintOf({ ...wanted, location: location ?? null }) }
    : null;
  return runOnce(context, call, what, async (keyedId) => {
    const reservationId = reference ? await heldAs(context, call.principal, reference) : keyedId;
    const result = await context.reservations.reserve(
      {
        ...wanted,
        ...checkedDue(call.body),
        reservationId,
        owner: call.caller,
        kind: 'hold',
        orderId: null,
        warehouse: location ?? null,
        reference: orderId ?? null,
        own,
        mode: 'complete',
        status: 'pending',
      },
      call.signal,
    );
    switch (result.outcome) {
      case 'short':
        throw problem('OUT_OF_STOCK', 'There is not enough stock.', { shortages: result.shortages });
      case 'refused': {
        const { code, detail } = result.refusal;
        throw problem(code === 'UNKNOWN_SKU' ? unknownSku : code, detail);
      }
      case 'reserved':
        return {
          status: 201,
          body: await context.reservations.view(reservationId),
          headers: { location: `${API_BASE}/reservations/${reservationId}` },
        };
    }
  });
}
