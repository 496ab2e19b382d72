import { reSourceWarehouse } from '../../domain/ordering/promised/re-source';
import { closeWarehouse } from '../../domain/stock/places/close';
import { openWarehouse } from '../../domain/stock/places/open';
import { z } from 'zod';
import { CHANGE_CATALOGUE } from '../http/access';
import { cursorOf, encodeCursor } from '../http/cursor';
import { API_BASE } from '../http/paths';
import { asNotFound } from '../http/problems';
import type { ApiResponse } from '../http/response';
import { route, type Route } from '../http/route';
import { smallRowNumber, warehouseCode } from '../schemas/common';
import { reSourced, stateChange, warehouseState } from '../schemas/stock';
import type { ApiContext } from '../services/context';

const TAG = 'Catalogue';
const NO_WAREHOUSE = 'There is no such warehouse.';
/** After it the answer is 202, and the same again goes on. Below what clients and proxies usually wait. */
const WITHIN_MS = 10_000;

const params = z.object({ code: warehouseCode });
/** Of what is promised. */
const position = z.tuple([
  smallRowNumber,
  smallRowNumber,
  z.string().regex(/^-?\d{1,18}$/),
  z.uuid(),
  smallRowNumber,
]);

/** Closing and opening of warehouses. */
export function warehouseStateRoutes(context: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/warehouses/{code}/close`,
        access: CHANGE_CATALOGUE,
        tag: TAG,
        summary: 'Close a warehouse',
        description:
          'After 200 nothing new is allocated there, and nothing of it counts as available. What is reserved there stays and ships; ' +
          'transfers leave from it. Units that come free there serve nobody until it opens. Again, it changes nothing.',
        bodyOptional: true,
        params,
        body: stateChange,
        responses: {
          200: { description: 'It is closed', schema: warehouseState },
          202: {
            description:
              'It is closed for what begins from now on; what began before still runs. Call again to wait for it.',
            schema: warehouseState,
          },
        },
        problems: ['VALIDATION_FAILED'],
      },
      (call) => changed((change) => closeWarehouse(context.db, change), call),
    ),
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/warehouses/{code}/open`,
        access: CHANGE_CATALOGUE,
        tag: TAG,
        summary: 'Open a warehouse',
        description:
          'First the queues of backorders are served from it, then orders are placed from it. Again, it changes nothing.',
        bodyOptional: true,
        params,
        body: stateChange,
        responses: {
          200: { description: 'It is open, and who waited is served', schema: warehouseState },
          202: { description: 'It is being opened, which goes on by itself', schema: warehouseState },
        },
        problems: ['VALIDATION_FAILED'],
      },
      (call) => changed((change) => openWarehouse(context, change), call),
    ),
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/warehouses/{code}/re-source`,
        access: CHANGE_CATALOGUE,
        tag: TAG,
        summary: 'Move what is reserved in a closed warehouse to others',
        description:
          'As far as they have it available. A parcel that the carrier does not know yet is made anew; one that is booked, being charged or ' +
          'amended stays and ships, and so does what no other warehouse has: nothing is cut. Safe to repeat.',
        bodyOptional: true,
        params,
        body: z.strictObject({ cursor: cursorOf(position).optional() }).meta({ id: 'ReSourcing' }),
        responses: {
          200: { description: 'All were looked at', schema: reSourced },
          202: { description: 'Something is left: call again with the cursor', schema: reSourced },
        },
        problems: ['WAREHOUSE_NOT_CLOSED', 'VALIDATION_FAILED'],
      },
      async ({ params: { code }, body, caller: actor }) => {
        const request = { code, after: body.cursor ?? null, withinMs: WITHIN_MS, actor };
        const { after, ...moved } = await reSourceWarehouse(context.db, request).catch(
          asNotFound('UNKNOWN_LOCATION', NO_WAREHOUSE),
        );
        const nextCursor = after === null ? null : encodeCursor(after);
        return { status: after === null ? 200 : 202, body: { ...moved, nextCursor } };
      },
    ),
  ];
}

/** What a request changed: 202 while it goes on. */
async function changed(
  change: (request: Parameters<typeof closeWarehouse>[1]) => ReturnType<typeof closeWarehouse>,
  {
    params: { code },
    body,
    caller,
  }: { params: z.output<typeof params>; body: z.output<typeof stateChange>; caller: string },
): Promise<ApiResponse> {
  const { state, settled } = await change({
    code,
    actor: caller,
    reason: body.reason ?? null,
    withinMs: WITHIN_MS,
  }).catch(asNotFound('UNKNOWN_LOCATION', NO_WAREHOUSE));
  return { status: settled ? 200 : 202, body: state };
}
