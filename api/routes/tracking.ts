import { z } from 'zod';
import { readTracking, setTracking } from '../../domain/stock/tracking/set-tracking';
import { SETTLE_SOON_MS, settlePromised } from '../../domain/ordering/promised/settle-promised';
import { readLot } from '../../domain/stock/tracking/lot-masters';
import type { LotMasterView } from '../../domain/stock/tracking/types';
import { correctLotExpiry, placesOf, recallLot } from '../../domain/warehousing/quality/blocked-lots';
import { listLotMovements, listLots, listSerials, readSerial } from '../../domain/stock/tracking/views';
import { CHANGE_INVENTORY, READ_INVENTORY } from '../http/access';
import { cursorOf } from '../http/cursor';
import { okPage } from '../http/pages';
import { API_BASE } from '../http/paths';
import { notFound } from '../http/problems';
import { ok, okOrNotFound } from '../http/response';
import { route, type Route } from '../http/route';
import { pageQuery, rowNumber, skuParams, unitCode, warehouseCode } from '../schemas/common';
import {
  lotCorrection,
  lotMaster,
  lotMovementPage,
  lotRecall,
  lots,
  serialHistory,
  serialPage,
  serialStatus,
  tracking,
  trackingBody,
} from '../schemas/tracking';
import type { ApiContext } from '../services/context';

const TAG = 'Lots and serial numbers';
const NO_PRODUCT = 'There is no such product.';

const positionQuery = { ...pageQuery, cursor: cursorOf(z.object({ id: rowNumber })).optional() };

export function trackingRoutes(context: ApiContext): Route[] {
  return [...trackingChoice(context), ...lotRoutes(context), ...serialRoutes(context)];
}

function trackingChoice({ db }: ApiContext): Route[] {
  const path = `${API_BASE}/products/{sku}/tracking`;
  const responses = { 200: { description: 'What the product keeps', schema: tracking } };
  return [
    route(
      {
        methods: ['get'],
        path,
        access: READ_INVENTORY,
        tag: TAG,
        summary: 'What a product keeps beside counts',
        params: skuParams,
        responses,
      },
      async ({ params }) => {
        return okOrNotFound(await readTracking(db, params.sku), NO_PRODUCT);
      },
    ),
    route(
      {
        methods: ['put'],
        path,
        access: CHANGE_INVENTORY,
        tag: TAG,
        summary: 'Keep a product by lot or by serial number, or no longer',
        description: 'Only while none of it is on hand.',
        params: skuParams,
        body: trackingBody,
        responses,
        problems: ['PRODUCT_HAS_STOCK', 'VALIDATION_FAILED'],
      },
      async ({ params, body, caller: actor }) => {
        if (!(await readTracking(db, params.sku))) throw notFound(NO_PRODUCT);
        return ok(await setTracking(db, { sku: params.sku, ...body, actor }));
      },
    ),
  ];
}

const NO_LOT = 'There is no such lot.';

function lotRoutes(context: ApiContext): Route[] {
  const { db } = context;
  const path = `${API_BASE}/inventory/{sku}/lots/{lot}`;
  const params = skuParams.extend({ lot: unitCode });
  const responses = { 200: { description: 'The lot', schema: lotMaster } };

  /** What is promised of the lot is settled with the change. */
  async function changed(change: { sku: string; lot: string }, make: () => Promise<LotMasterView>) {
    if (!(await readLot(db, change.sku, change.lot))) throw notFound(NO_LOT);
    await make();
    const until = performance.now() + SETTLE_SOON_MS;
    for (const key of await placesOf(db, change)) {
      await settlePromised(db, key, { withinMs: Math.max(0, until - performance.now()) });
    }
    return okOrNotFound(await readLot(db, change.sku, change.lot), NO_LOT);
  }

  function recallRoute(word: 'recall' | 'end-recall', summary: string, description: string): Route {
    return route(
      {
        methods: ['post'],
        path: `${path}/${word}`,
        access: CHANGE_INVENTORY,
        tag: TAG,
        summary,
        description,
        params,
        body: lotRecall,
        responses,
        problems: ['VALIDATION_FAILED'],
      },
      ({ params: lot, body, caller: actor }) => {
        const change = { ...lot, ...body, actor, recalled: word === 'recall' };
        return changed(change, () => recallLot(context, change));
      },
    );
  }

  return [
    route(
      {
        methods: ['get'],
        path,
        access: READ_INVENTORY,
        tag: TAG,
        summary: 'A lot, wherever it is',
        params,
        responses,
      },
      async ({ params: { sku, lot } }) => okOrNotFound(await readLot(db, sku, lot), NO_LOT),
    ),
    route(
      {
        methods: ['put'],
        path,
        access: CHANGE_INVENTORY,
        tag: TAG,
        summary: 'Correct the expiry date of a lot',
        description:
          'At every location at once. What was on hold because it had expired is on sale again; what has expired by the new date is put ' +
          'on hold. Safe to repeat.',
        params,
        body: lotCorrection,
        responses,
        problems: ['VALIDATION_FAILED'],
      },
      ({ params: lot, body, caller: actor }) => {
        const change = { ...lot, ...body, actor };
        return changed(change, () => correctLotExpiry(context, change));
      },
    ),
    recallRoute(
      'recall',
      'Recall a lot',
      'Everything of it is put on quality hold, at every location, and whatever of it comes in later. Whoever units are promised to gets ' +
        'others or is cut. Safe to repeat.',
    ),
    recallRoute('end-recall', 'End the recall of a lot', 'What is on hold because of it is on sale again.'),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/inventory/{sku}/lots`,
        access: READ_INVENTORY,
        tag: TAG,
        summary: 'Lots of a product that are on hand',
        params: skuParams,
        query: z.object({ location: warehouseCode.optional() }),
        responses: { 200: { description: 'The lots', schema: lots } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ params, query }) => {
        const items = await listLots(context.reports, { sku: params.sku, ...query });
        return okOrNotFound(items && { sku: params.sku, items }, NO_PRODUCT);
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/inventory/{sku}/lots/{lot}/movements`,
        access: READ_INVENTORY,
        tag: TAG,
        summary: 'What became of a lot: what a recall asks',
        params,
        query: z.object(positionQuery),
        responses: { 200: { description: 'A page, oldest first', schema: lotMovementPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ params: given, query: { cursor, ...page } }) => {
        const lot = { sku: given.sku, code: given.lot };
        return okPage(byId(await listLotMovements(context.reports, lot, { ...page, after: cursor?.id })));
      },
    ),
  ];
}

function serialRoutes({ db, reports }: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/inventory/{sku}/serials`,
        access: READ_INVENTORY,
        tag: TAG,
        summary: 'Serial numbers of a product, oldest first',
        params: skuParams,
        query: z.object({
          ...positionQuery,
          status: serialStatus.optional(),
          location: warehouseCode.optional(),
        }),
        responses: { 200: { description: 'A page', schema: serialPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ params, query: { cursor, ...filter } }) => {
        return okPage(byId(await listSerials(reports, { sku: params.sku, ...filter, after: cursor?.id })));
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/serials/{serial}`,
        access: READ_INVENTORY,
        tag: TAG,
        summary: 'Where a serial number is, and what became of it',
        params: z.object({ serial: unitCode }),
        responses: { 200: { description: 'The unit of each product that has it', schema: serialHistory } },
      },
      async ({ params }) => {
        const items = await readSerial(db, params.serial);
        return okOrNotFound(items && { items }, 'There is no such serial number.');
      },
    ),
  ];
}

/** The cursor of these lists is an object, so that it may get more members. */
function byId<View>({ items, next }: { items: View[]; next: number | null }) {
  return { items, next: next === null ? null : { id: next } };
}
