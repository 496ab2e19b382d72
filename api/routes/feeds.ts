import { z } from 'zod';
import { stageFeed } from '../../domain/stock/feeds/stage';
import { DECIMAL_MARKS, FEED_MODES, type FeedCharset, type FeedFormat } from '../../domain/stock/feeds/types';
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
/** A client that sends less than this for a minute is refused. */
const MIN_BYTES_PER_SECOND = 1_024;
const RATE_MS = 60_000;
const MEGABYTE = 1_048_576;
/** Each has a chunk or two in memory, and while one is written a connection of its own to the database. */
const MAX_UPLOADS = 4;

const FORMATS: Readonly<Record<string, FeedFormat>> = {
  'text/csv': 'csv',
  'application/csv': 'csv',
  'application/x-ndjson': 'ndjson',
  'application/ndjson': 'ndjson',
  'application/jsonl': 'ndjson',
};

/** Names of Windows-1252 among them that are those of Latin-1: files that say so come from Windows, and browsers read them so. */
const CHARSETS: Readonly<Record<string, FeedCharset>> = {
  'utf-8': 'utf-8',
  utf8: 'utf-8',
  'us-ascii': 'utf-8',
  'utf-16': 'utf-16',
  'utf-16le': 'utf-16le',
  'utf-16be': 'utf-16be',
  'windows-1252': 'windows-1252',
  cp1252: 'windows-1252',
  'iso-8859-1': 'windows-1252',
  latin1: 'windows-1252',
};

const query = z.object({
  mode: z.enum(FEED_MODES).default('set').meta({
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
          'CSV with a header (RFC 4180), or JSON lines, also with `Content-Encoding: gzip`. UTF-8, UTF-16 with a byte order mark, ' +
          'or what `charset` of the Content-Type says (utf-8, utf-16le, utf-16be, windows-1252). Answered when all of it is ' +
          'stored; the import then goes on by itself. Rows that are wrong are rejected, each with its line and the reason, and ' +
          'do not hold up the others. A row of a `set` feed about a product that is kept by lot names its lot, and sets that; the ' +
          'result says what is on hand beside. A quote that is not closed ends the feed at its line: the rows before it are applied, and ' +
          'the job fails with `FEED_QUOTE_UNCLOSED`. An upload that breaks off leaves nothing.',
        keyed: true,
        upload: Object.keys(FORMATS),
        query,
        responses: { 202: { description: 'Stored', schema: jobAcceptedBody } },
        problems: [
          'REQUEST_TIMEOUT',
          'UPLOAD_TOO_SLOW',
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
          'FEED_MODE_MISMATCH',
          'FEED_ENCODING_INVALID',
          'FEED_COMPRESSION_INVALID',
          'OVERLOADED',
        ],
      },
      async (call) => {
        const { req, res, caller } = call;
        const { mode, location = null, decimal, asOf } = call.query;
        if (asOf !== undefined && mode !== 'set')
          throw invalid([{ path: 'asOf', message: 'is of a set feed: what a delta feed adds moves now' }]);
        // What is refused before it is read to its end must not be waited for by the next request.
        res.setHeader('connection', 'close');
        const { format, charset } = contentOf(req.get('content-type'));
        const source = uploadOf(req, {
          maxBytes: settings.FEED_MAX_MB * MEGABYTE,
          idleMs: IDLE_MS,
          minBytesPerSecond: MIN_BYTES_PER_SECOND,
          rateMs: RATE_MS,
        });
        if (uploads >= MAX_UPLOADS) {
          throw problem('OVERLOADED', `${MAX_UPLOADS} feeds are being uploaded. Try again.`);
        }
        uploads += 1;
        try {
          const jobId = idForKey(call, 'feed');
          // The feed itself is compared once it has been read.
          await recordKey(context, call, {
            scope: SCOPE,
            request: { mode, location, format, decimal, charset, ...(asOf === undefined ? {} : { asOf }) },
            subjectId: jobId,
          });
          const { job, isNew } = await stageFeed(db, {
            jobId,
            actor: caller,
            mode,
            location,
            format,
            decimal,
            charset,
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

function contentOf(header = ''): { format: FeedFormat; charset: FeedCharset | undefined } {
  const [type = '', ...parameters] = header.split(';').map((part) => part.trim().toLowerCase());
  const format = FORMATS[type];
  if (!format) throw problem('UNSUPPORTED_MEDIA_TYPE', `Send ${Object.keys(FORMATS).join(' or ')}.`);
  const declared = parameters.find((parameter) => parameter.startsWith('charset='));
  if (declared === undefined) return { format, charset: undefined };
  const charset = CHARSETS[declared.slice('charset='.length).replaceAll('"', '')];
  if (!charset)
    throw problem('UNSUPPORTED_MEDIA_TYPE', `As charset declare one of ${Object.keys(CHARSETS).join(', ')}.`);
  return { format, charset };
}
