import { z } from 'zod';
import { listLedger } from '../../domain/stock/ledger/history';
import { READ_INVENTORY } from '../http/access';
import { cursorOf } from '../http/cursor';
import { okPage } from '../http/pages';
import { API_BASE } from '../http/paths';
import { notFound } from '../http/problems';
import { route, type Route } from '../http/route';
import {
  cursorTime,
  exactTime,
  line,
  pageQuery,
  rowNumber,
  skuParams,
  warehouseCode,
} from '../schemas/common';
import { ledgerKind, ledgerPage } from '../schemas/ledger';
import type { ApiContext } from '../services/context';

const listQuery = z.object({
  ...pageQuery,
  cursor: cursorOf(z.object({ atMicros: cursorTime, id: rowNumber })).optional(),
  location: warehouseCode.optional(),
  kind: ledgerKind.optional(),
  reference: line(200).optional().meta({ description: 'Of a transfer: `transfer:` and its id' }),
  from: exactTime.optional().meta({ description: 'Written at this time or later' }),
  to: exactTime.optional().meta({ description: 'Written before this time' }),
});

export function ledgerRoutes({ reports }: ApiContext): Route[] {
  return [
    route(
      {
        methods: ['get'],
        path: `${API_BASE}/inventory/{sku}/transactions`,
        access: READ_INVENTORY,
        tag: 'Inventory',
        summary: 'The ledger of a product, newest first',
        params: skuParams,
        query: listQuery,
        responses: { 200: { description: 'A page', schema: ledgerPage } },
        problems: ['VALIDATION_FAILED'],
      },
      async ({ params, query: { cursor, ...filter } }) => {
        const page = await listLedger(reports, params.sku, { ...filter, after: cursor });
        if (!page) throw notFound('There is no such product.');
        return okPage(page);
      },
    ),
  ];
}
