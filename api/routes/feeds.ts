import { z } from 'zod';
import { stageFeed } from '../../domain/stock/feeds/stage';
import { DECIMAL_MARKS, STOCK_MODES } from '../../domain/uploads/types';
import { CHANGE_INVENTORY } from '../http/access';
import { API_BASE } from '../http/paths';
import { invalid } from '../http/problems';
import { route, type Route } from '../http/route';
import { exactTime, warehouseCode } from '../schemas/common';
import { jobAcceptedBody } from '../schemas/jobs';
import type { ApiContext } from '../services/context';
import { UPLOAD_PROBLEMS, UPLOAD_TYPES, type UploadIntake } from '../use-cases/upload-intake';

const SCOPE = 'POST /jobs/feed';

const query = z.object({
  mode: z.enum(STOCK_MODES).default('set').meta({
    description: '`set`: quantities are what is on hand; `delta`: what is added or taken',
  }),
  location: warehouseCode.optional().meta({ description: 'Of rows that name none' }),
  decimal: z
    .enum(DECIMAL_MARKS)
    .optional()
    .meta({
      description:
        'What stands before decimals in quantities; the other mark then groups thousands. Without it, a quantity that can be ' +
        'read in two ways (`1.000`) is rejected',
    }),
  asOf: exactTime.optional().meta({
    description:
      'As of when the rows of a `set` feed are true that do not say so themselves (a column asOf); default: now',
  }),
});

export function feedRoutes({ db }: ApiContext, uploads: UploadIntake): Route[] {
  return [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/jobs/feed`,
        access: CHANGE_INVENTORY,
        tag: 'Jobs',
        summary: 'Import an inventory feed',
        description:
          'CSV with a header (RFC 4180), or JSON lines, also with `Content-Encoding: gzip`. UTF-8, UTF-16 with a byte order mark, ' +
          'or what `charset` of the Content-Type says (utf-8, utf-16le, utf-16be, windows-1252). Answered when all of it is ' +
          'stored; the import then goes on by itself. Rows that are wrong are rejected, each with its line and the reason, and ' +
          'do not hold up the others. A row of a `set` feed about a product that is kept by lot names its lot, and sets that; the ' +
          'result says what is on hand beside. A quote that is not closed ends the feed at its line: the rows before it are applied, and ' +
          'the job fails with `FEED_QUOTE_UNCLOSED`. An upload that breaks off leaves nothing.',
        keyed: true,
        upload: UPLOAD_TYPES,
        query,
        responses: { 202: { description: 'Stored', schema: jobAcceptedBody } },
        problems: [
          ...UPLOAD_PROBLEMS,
          'UNKNOWN_LOCATION',
          'ASOF_IN_FUTURE',
          'ASOF_BEFORE_RETENTION',
          'FEED_MODE_MISMATCH',
        ],
      },
      async (call) => {
        const { caller } = call;
        const { mode, location = null, decimal, asOf } = call.query;
        if (asOf !== undefined && mode !== 'set')
          throw invalid([{ path: 'asOf', message: 'is of a set feed: what a delta feed adds moves now' }]);
        return uploads.take(call, {
          name: 'feed',
          scope: SCOPE,
          request: { mode, location, decimal, ...(asOf === undefined ? {} : { asOf }) },
          stage: (upload) => stageFeed(db, { ...upload, actor: caller, mode, location, decimal, asOf }),
        });
      },
    ),
  ];
}
