import { z } from 'zod';
import { adjustStock } from '../../domain/stock/adjustments/adjust';
import {
  availabilityAt,
  readStock,
  readStockAsOf,
  readStockByState,
} from '../../domain/stock/availability/availability';
import { availabilityJson } from '../../domain/stock/availability/stock-json';
import { createStockReader } from '../../domain/stock/availability/stock-reader';
import { createWarehouseDirectory } from '../../domain/catalog/warehouses';
import { AVAILABILITY, CHANGE_INVENTORY, expectAccess, mayCall, READ_INVENTORY } from '../http/access';
import { API_BASE } from '../http/paths';
import { asInvalidTime, invalid, NAMING_PROBLEMS, notFound, asNotFound } from '../http/problems';
import { ok, okJson, okOrNotFound } from '../http/response';
import { route, type Route } from '../http/route';
import { idForKey } from '../idempotency/idempotency-key';
import { runOnce } from '../idempotency/run-once';
import { exactTime, skuParams, warehouseCode } from '../schemas/common';
import { adjusted, adjustment, availability, availableAt, locationOnTheWay, stockAt } from '../schemas/stock';
import type { ApiContext } from '../services/context';

const TAG = 'Inventory';
const NO_PRODUCT = 'There is no such product.';

export function inventoryRoutes(context: ApiContext): Route[] {
  const { db } = context;
  const reader = createStockReader({ db, warehouses: createWarehouseDirectory(db) });
  return [
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/inventory/{sku}`,
        access: AVAILABILITY,
        tag: TAG,
        summary: 'Stock of a product, in total and by location',
        description:
          'Customers, publishable keys and keys without `inventory:read` see what can be ordered, and no more.',
        params: skuParams,
        query: z.strictObject({
          states: z
            .enum(['true', 'false'])
            .transform((given) => given === 'true')
            .optional()
            .meta({ description: 'Also the units of each state; takes longer. Of now only' }),
          asOf: exactTime.optional().meta({
            description:
              'Answer from the ledger, as it was at this time, to the microsecond: entries of this very time included. The answer says whether it is `final`',
          }),
        }),
        responses: { 200: { description: 'The stock', schema: z.union([stockAt, availability]) } },
        problems: ['ASOF_BEFORE_RETENTION', 'VALIDATION_FAILED'],
      },
      async ({ params, principal, query: { asOf, states } }) => {
        if (asOf !== undefined || states) expectAccess(READ_INVENTORY, principal);
        if (asOf !== undefined && states) throw invalid([{ path: 'states', message: 'is of now only' }]);
        if (asOf !== undefined) {
          const then = await readStockAsOf(db, params.sku, asOf).catch(asInvalidTime);
          if (!then) throw notFound(NO_PRODUCT);
          return ok(then);
        }
        if (states) return okOrNotFound(await readStockByState(db, params.sku), NO_PRODUCT);
        const now = await reader.readJson(params.sku);
        if (now === null) throw notFound(NO_PRODUCT);
        return okJson(mayCall(READ_INVENTORY, principal) ? now : availabilityJson(now));
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/inventory/{sku}/location/{code}`,
        access: AVAILABILITY,
        tag: TAG,
        summary: 'Stock of a product at one location',
        params: skuParams.extend({ code: warehouseCode }),
        responses: { 200: { description: 'The location', schema: z.union([locationOnTheWay, availableAt]) } },
      },
      async ({ params, principal }) => {
        const found = await readStock(db, params.sku);
        const here = found?.locations.find((candidate) => candidate.warehouse === params.code);
        if (!here) throw notFound('This product has no stock at this location.');
        return ok(mayCall(READ_INVENTORY, principal) ? here : availabilityAt(here));
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/inventory/{sku}/adjust`,
        access: CHANGE_INVENTORY,
        tag: TAG,
        summary: 'Change what is on hand at one location',
        description:
          'Units that arrive go to waiting backorders at once, first come, first served. `setTo` is an absolute number as of a ' +
          'time: movements since then stay applied, and the newest number counts, in whatever order they are posted.',
        keyed: true,
        params: skuParams,
        body: adjustment,
        responses: { 200: { description: 'The location afterwards', schema: adjusted } },
        problems: [
          'WOULD_GO_NEGATIVE',
          'ON_HAND_CHANGED',
          'ASOF_IN_FUTURE',
          'ASOF_BEFORE_RETENTION',
          'BELOW_RESERVED',
          'QUANTITY_OVERFLOW',
          ...NAMING_PROBLEMS,
          'DUPLICATE_SERIAL',
          'LOT_EXPIRY_MISMATCH',
          'IDEMPOTENCY_IN_FLIGHT',
          'IDEMPOTENCY_KEY_REUSED',
          'UNKNOWN_LOCATION',
          'VALIDATION_FAILED',
        ],
      },
      (call) => {
        const { caller, params, body } = call;
        return runOnce(
          context,
          call,
          `POST /inventory/${params.sku}/adjust`,
          async (effectId) => {
            const {
              location: warehouse,
              delta,
              setTo,
              kind,
              asOf,
              expected,
              reason,
              reference,
              serials,
              lots,
            } = body;
            const change =
              delta === undefined ? { setTo: setTo ?? 0, asOf, expected } : { delta, kind, asOf };
            const level = await adjustStock(context, {
              sku: params.sku,
              location: warehouse,
              change,
              reason,
              reference,
              named: { serials, lots },
              actor: caller,
              effectId,
            }).catch(asNotFound('UNKNOWN_SKU', NO_PRODUCT));
            const { onHand, reserved, available, status, outcome } = level;
            return ok({ warehouse, onHand, reserved, available, status, outcome });
          },
          idForKey(call, 'adjust', params.sku),
        );
      },
    ),
  ];
}
