import { costOfGoodsSold, costOfShipment, listSold } from '../../domain/warehousing/costing/sold';
import { READ_INVENTORY } from '../http/access';
import { okPage } from '../http/pages';
import { API_BASE } from '../http/paths';
import { asInvalidTimeAt, notFound } from '../http/problems';
import { ok } from '../http/response';
import { route, type Route } from '../http/route';
import { idParams } from '../schemas/common';
import { costOfGoods, costOfParcel, soldPage, soldPeriod, soldQuery } from '../schemas/cost-of-goods';
import type { ApiContext } from '../services/context';

const TAG = 'Valuation';

export function costOfGoodsRoutes({ db, reports }: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/cost-of-goods-sold`,
        access: READ_INVENTORY,
        tag: TAG,
        limit: 'reports',
        summary: 'What the goods cost that left in a period, per currency',
        description:
          'Each unit at the weighted average of its product when it left. Units without a known cost are told apart.',
        query: soldPeriod,
        responses: { 200: { description: 'The totals', schema: costOfGoods } },
        problems: ['ASOF_BEFORE_RETENTION', 'VALIDATION_FAILED'],
      },
      async ({ query }) => ok(await costOfGoodsSold(reports, query).catch(asInvalidTimeAt('to'))),
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/cost-of-goods-sold/shipments`,
        access: READ_INVENTORY,
        tag: TAG,
        limit: 'reports',
        summary: 'The same by parcel and product, in the order in which they left',
        description: 'The items add up to the totals of the period.',
        query: soldQuery,
        responses: { 200: { description: 'A page', schema: soldPage } },
        problems: ['ASOF_BEFORE_RETENTION', 'VALIDATION_FAILED'],
      },
      async ({ query: { cursor, limit, offset, ...period } }) => {
        const page = await listSold(reports, period, { after: cursor, limit, offset }).catch(
          asInvalidTimeAt('to'),
        );
        return okPage(page);
      },
    ),
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/shipments/{id}/cost`,
        access: READ_INVENTORY,
        tag: TAG,
        summary: 'What the goods of a parcel cost',
        description: 'Nothing before it has left.',
        params: idParams,
        responses: { 200: { description: 'By product', schema: costOfParcel } },
      },
      async ({ params }) => {
        const items = await costOfShipment(db, params.id);
        if (!items) throw notFound('There is no such shipment.');
        return ok({ items });
      },
    ),
  ];
}
