import type { Request, Response } from 'express';
import type { JobView } from '../../domain/jobs/types';
import type { UploadCharset, UploadFormat } from '../../domain/uploads/types';
import { problem, type ProblemCode } from '../http/problems';
import type { ApiResponse } from '../http/response';
import { uploadOf } from '../http/upload';
import { idForKey, recordKey, type IdempotencyKey } from '../idempotency/idempotency-key';
import type { ApiContext } from '../services/context';
import { jobAccepted } from './job-responses';

const IDLE_MS = 30_000;
/** A client that sends less than this for a minute is refused. */
const MIN_BYTES_PER_SECOND = 1_024;
const RATE_MS = 60_000;
const MEGABYTE = 1_048_576;
/** Each has a chunk or two in memory, and while one is written a connection of its own to the database. */
const MAX_UPLOADS = 4;
/** Of one caller: whose uploads trickle in leaves places to others. */
const MAX_UPLOADS_OF_CALLER = 2;

const FORMATS: Readonly<Record<string, UploadFormat>> = {
  'text/csv': 'csv',
  'application/csv': 'csv',
  'application/x-ndjson': 'ndjson',
  'application/ndjson': 'ndjson',
  'application/jsonl': 'ndjson',
};

/** Latin-1 is read as Windows-1252, as browsers do: files that say so come from Windows. */
const CHARSETS: Readonly<Record<string, UploadCharset>> = {
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

/** Media types that are taken. */
export const UPLOAD_TYPES: readonly string[] = Object.keys(FORMATS);

/** What every upload may be refused for. */
export const UPLOAD_PROBLEMS = [
  'REQUEST_TIMEOUT',
  'UPLOAD_TOO_SLOW',
  'IDEMPOTENCY_IN_FLIGHT',
  'PAYLOAD_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'VALIDATION_FAILED',
  'IDEMPOTENCY_KEY_REUSED',
  'FEED_EMPTY',
  'FEED_HEADER_INVALID',
  'FEED_COLUMN_MISSING',
  'FEED_COLUMN_AMBIGUOUS',
  'FEED_ENCODING_INVALID',
  'FEED_COMPRESSION_INVALID',
  'OVERLOADED',
] as const satisfies readonly ProblemCode[];

/** What is uploaded: unpacked, and how it is to be read. */
export interface ReceivedUpload {
  jobId: string;
  format: UploadFormat;
  charset: UploadCharset | undefined;
  source: AsyncIterable<Buffer>;
}

export interface UploadAction {
  /** Of the job, from which its id is derived. */
  name: string;
  /** What the idempotency key is good for. */
  scope: string;
  /** What is asked for beside the upload itself, which is compared once it has been read. */
  request: Readonly<Record<string, unknown>>;
  stage(upload: ReceivedUpload): Promise<{ job: JobView; isNew: boolean }>;
}

/** Takes uploads that become jobs: so many at once in this process. */
export interface UploadIntake {
  take(call: IdempotencyKey & { req: Request; res: Response }, action: UploadAction): Promise<ApiResponse>;
}

export function createUploadIntake(context: ApiContext): UploadIntake {
  /** Who is sending the uploads that are being taken. */
  const senders: string[] = [];
  return {
    async take(call, { name, scope, request, stage }) {
      const { req, res } = call;
      // What is refused before it is read to its end must not be waited for by the next request.
      res.setHeader('connection', 'close');
      const content = contentOf(req.get('content-type'));
      const source = uploadOf(req, {
        maxBytes: context.settings.FEED_MAX_MB * MEGABYTE,
        idleMs: IDLE_MS,
        minBytesPerSecond: MIN_BYTES_PER_SECOND,
        rateMs: RATE_MS,
      });
      if (senders.length >= MAX_UPLOADS)
        throw problem('OVERLOADED', `${MAX_UPLOADS} uploads are being taken. Try again.`);
      if (senders.filter((sender) => sender === call.keyCaller).length >= MAX_UPLOADS_OF_CALLER)
        throw problem('OVERLOADED', `${MAX_UPLOADS_OF_CALLER} uploads of yours are being taken. Try again.`);
      senders.push(call.keyCaller);
      try {
        const jobId = idForKey(call, name);
        await recordKey(context, call, {
          scope,
          request: { ...request, ...content },
          received: { query: req.query, ...content },
          subjectId: jobId,
        });
        const { job, isNew } = await stage({ jobId, ...content, source });
        return jobAccepted(job, !isNew);
      } finally {
        senders.splice(senders.indexOf(call.keyCaller), 1);
      }
    },
  };
}

function contentOf(header = ''): { format: UploadFormat; charset: UploadCharset | undefined } {
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
