import { z } from 'zod';
import { adjustStock } from '../../domain/stock/adjustments/adjust';
import { readStock } from '../../domain/stock/availability/availability';
import { createStockReader } from '../../domain/stock/availability/stock-reader';
import { createWarehouseDirectory } from '../../domain/catalog/warehouses';
import { API_BASE } from '../http/paths';
import { invalid, NAMING_PROBLEMS, notFound, asNotFound } from '../http/problems';
import { ok, okJson } from '../http/response';
import { route, type Route } from '../http/route';
import { idForKey } from '../idempotency/idempotency-key';
import { runOnce } from '../idempotency/run-once';
import { skuParams, timeQuery, warehouseCode } from '../schemas/common';
import { adjusted, adjustment, locationOnTheWay, stock } from '../schemas/stock';
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
        tag: TAG,
        summary: 'Stock of a product, in total and by location',
        params: skuParams,
        query: z.object({
          asOf: timeQuery.optional().meta({ description: 'Answer from the ledger, as it was at this time' }),
        }),
        responses: { 200: { description: 'The stock', schema: stock } },
        problems: ['ASOF_BEFORE_RETENTION', 'VALIDATION_FAILED'],
      },
      async ({ params, query: { asOf } }) => {
        if (asOf && asOf.getTime() > Date.now())
          throw invalid([{ path: 'asOf', message: 'must not be in the future' }]);
        if (asOf) {
          const then = await readStock(db, params.sku, asOf);
          if (!then) throw notFound(NO_PRODUCT);
          return ok(then);
        }
        const now = await reader.readJson(params.sku);
        if (now === null) throw notFound(NO_PRODUCT);
        return okJson(now);
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/inventory/{sku}/location/{code}`,
        tag: TAG,
        summary: 'Stock of a product at one location',
        params: skuParams.extend({ code: warehouseCode }),
        responses: { 200: { description: 'The location', schema: locationOnTheWay } },
      },
      async ({ params }) => {
        const found = await readStock(db, params.sku);
        const here = found?.locations.find((candidate) => candidate.warehouse === params.code);
        if (!here) throw notFound('This product has no stock at this location.');
        return ok(here);
      },
    ),
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/inventory/{sku}/adjust`,
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
