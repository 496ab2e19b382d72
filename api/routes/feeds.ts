import { z } from 'zod';
import { stageFeed } from '../../domain/stock/feeds/stage';
import { FEED_MODES, type FeedFormat } from '../../domain/stock/feeds/types';
import { API_BASE } from '../http/paths';
import { invalid, problem } from '../http/problems';
import { route, type Route } from '../http/route';
import { uploadOf } from '../http/upload';
import { idForKey, recordKey } from '../idempotency/idempotency-key';
import { exactTime, warehouseCode } from '../schemas/common';
import { jobAcceptedBody } from '../schemas/jobs';
import type { ApiContext } from '../services/context';
import { jobAccepted } from '../use-cases/job-responses';

const SCOPE = 'POST /jobs/feed';
const IDLE_MS = 30_000;
const MEGABYTE = 1_048_576;
/** Each has a connection of its own to the database. */
const MAX_UPLOADS = 4;

const FORMATS: Readonly<Record<string, FeedFormat>> = {
  'text/csv': 'csv',
  'application/csv': 'csv',
  'application/x-ndjson': 'ndjson',
  'application/ndjson': 'ndjson',
  'application/jsonl': 'ndjson',
};

const query = z.object({
  mode: z.enum(FEED_MODES).default('set').meta({
    description: '`set`: quantities are what is on hand; `delta`: what is added or taken',
  }),
  location: warehouseCode.optional().meta({ description: 'Of rows that name none' }),
  asOf: exactTime.optional().meta({
    description:
      'As of when the rows of a `set` feed are true that do not say so themselves (a column asOf); default: now',
  }),
});

export function feedRoutes(context: ApiContext): Route[] {
  const { db, settings } = context;
  let uploads = 0;
  return [
    route(
      {
        methods: ['post'],
        path: `${API_BASE}/jobs/feed`,
        tag: 'Jobs',
        summary: 'Import an inventory feed',
        description:
          'CSV with a header, or JSON lines, in UTF-8, also with `Content-Encoding: gzip`. Answered when all of it is stored; ' +
          'the import then goes on by itself. Rows that are wrong are rejected, each with its line and the reason, and do not ' +
          'hold up the others. An upload that breaks off leaves nothing.',
        keyed: true,
        upload: Object.keys(FORMATS),
        query,
        responses: { 202: { description: 'Stored', schema: jobAcceptedBody } },
        problems: [
          'REQUEST_TIMEOUT',
          'IDEMPOTENCY_IN_FLIGHT',
          'PAYLOAD_TOO_LARGE',
          'UNSUPPORTED_MEDIA_TYPE',
          'VALIDATION_FAILED',
          'UNKNOWN_LOCATION',
          'IDEMPOTENCY_KEY_REUSED',
          'ASOF_IN_FUTURE',
          'ASOF_BEFORE_RETENTION',
          'FEED_EMPTY',
          'FEED_HEADER_INVALID',
          'FEED_COLUMN_MISSING',
          'FEED_COLUMN_AMBIGUOUS',
          'FEED_ENCODING_INVALID',
          'FEED_COMPRESSION_INVALID',
          'OVERLOADED',
        ],
      },
      async (call) => {
        const { req, res, caller } = call;
        const { mode, location = null, asOf } = call.query;
        if (asOf !== undefined && mode !== 'set')
          throw invalid([{ path: 'asOf', message: 'is of a set feed: what a delta feed adds moves now' }]);
        // What is refused before it is read to its end must not be waited for by the next request.
        res.setHeader('connection', 'close');
        const format = FORMATS[mediaType(req.get('content-type'))];
        if (!format) throw problem('UNSUPPORTED_MEDIA_TYPE', `Send ${Object.keys(FORMATS).join(' or ')}.`);
        const source = uploadOf(req, { maxBytes: settings.FEED_MAX_MB * MEGABYTE, idleMs: IDLE_MS });
        if (uploads >= MAX_UPLOADS) {
          throw problem('OVERLOADED', `${MAX_UPLOADS} feeds are being uploaded. Try again.`);
        }
        uploads += 1;
        try {
          const jobId = idForKey(call, 'feed');
          // The feed itself is compared once it has been read.
          await recordKey(context, call, {
            scope: SCOPE,
            request: { mode, location, format, ...(asOf === undefined ? {} : { asOf }) },
            subjectId: jobId,
          });
          const { job, isNew } = await stageFeed(db, {
            jobId,
            actor: caller,
            mode,
            location,
            format,
            asOf,
            source,
          });
          return jobAccepted(job, !isNew);
        } finally {
          uploads -= 1;
        }
      },
    ),
  ];
}

function mediaType(header: string | undefined): string {
  return (header ?? '').split(';', 1).join('').trim().toLowerCase();
}
