import { z } from 'zod';
import { stageProducts } from '../../domain/product-import/stage';
import { EMPTY_CELLS } from '../../domain/product-import/types';
import { DECIMAL_MARKS, PRODUCT_MODES } from '../../domain/uploads/types';
import { CHANGE_CATALOGUE } from '../http/access';
import { API_BASE } from '../http/paths';
import { invalid } from '../http/problems';
import { route, type Route } from '../http/route';
import { givenCurrency } from '../schemas/catalogue';
import { jobAcceptedBody } from '../schemas/jobs';
import type { ApiContext } from '../services/context';
import { UPLOAD_PROBLEMS, UPLOAD_TYPES, type UploadIntake } from '../use-cases/upload-intake';

const SCOPE = 'POST /jobs/products';

const query = z.object({
  mode: z.enum(PRODUCT_MODES).default('upsert').meta({
    description:
      '`upsert`: products are added and changed; `create`: only added; `update`: only changed. Other rows are rejected',
  }),
  decimal: z
    .enum(DECIMAL_MARKS)
    .optional()
    .meta({
      description:
        'What stands before decimals in prices; the other mark then groups thousands. Without it, a price that can be read in two ' +
        'ways (`1.000`) is rejected',
    }),
  currency: givenCurrency.optional().meta({ description: 'Of prices whose rows name none, ISO 4217' }),
  empty: z
    .enum(EMPTY_CELLS)
    .optional()
    .meta({
      description:
        'What an empty field of CSV means. `leave` (default): nothing, the value stays. `clear`: the description is emptied, the ' +
        'product leaves its category; where no value may be empty the row is rejected. In JSON lines, `null` and `""` clear, and what is absent stays',
    }),
});

export function productImportRoutes({ db }: ApiContext, uploads: UploadIntake): Route[] {
  return [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/jobs/products`,
        access: CHANGE_CATALOGUE,
        tag: 'Jobs',
        summary: 'Add and change products in bulk',
        description:
          'CSV with a header (RFC 4180), or JSON lines, also with `Content-Encoding: gzip`; columns `sku`, `name`, `description`, ' +
          '`category`, `price` or `priceMinor`, `currency`, `active` or `archived`, `tracking`. A column that is absent leaves what it ' +
          'is about as it is. Answered when all of it is stored; the import then goes on by itself. Rows that are wrong are ' +
          'rejected, each with its line and the reason, and do not hold up the others. An upload that breaks off leaves nothing.',
        keyed: true,
        upload: UPLOAD_TYPES,
        query,
        responses: { 202: { description: 'Stored', schema: jobAcceptedBody } },
        problems: UPLOAD_PROBLEMS,
      },
      (call) => {
        const { mode, decimal, currency, empty = 'leave' } = call.query;
        return uploads.take(call, {
          name: 'products',
          scope: SCOPE,
          request: { mode, decimal, currency, empty },
          stage: (upload) => {
            if (upload.format === 'ndjson' && call.query.empty !== undefined)
              throw invalid([
                { path: 'empty', message: 'is of CSV: JSON lines say null where something is to be cleared' },
              ]);
            return stageProducts(db, { ...upload, actor: call.caller, mode, decimal, currency, empty });
          },
        });
      },
    ),
  ];
}
