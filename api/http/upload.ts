import type { IncomingMessage } from 'node:http';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { messageOf } from '../../platform/errors';
import { problem } from './problems';

export interface UploadLimits {
  /** Bytes, unpacked. */
  maxBytes: number;
  /** Milliseconds without a byte. */
  idleMs: number;
  /** The least that a client may send in a second, as it comes, on average over `rateMs` of waiting for it. */
  minBytesPerSecond: number;
  rateMs: number;
}

/**
 * The body of a request as it comes, unpacked, and no faster than it is taken. A reader that stops early leaves the
 * connection usable, so that a response can still be sent.
 *
 * @param now milliseconds, of a clock that goes on steadily: by it the client's rate is measured
 * @throws AppError `UNSUPPORTED_MEDIA_TYPE`, `REQUEST_TIMEOUT`, `UPLOAD_TOO_SLOW`, `PAYLOAD_TOO_LARGE`,
 *   `FEED_COMPRESSION_INVALID`
 */
export function uploadOf(
  req: Pick<IncomingMessage, 'headers' | 'iterator'>,
  limits: UploadLimits,
  now = () => performance.now(),
): AsyncIterable<Buffer> {
  const { maxBytes } = limits;
  const encoding = req.headers['content-encoding'] ?? 'identity';
  const raw = inTime(req.iterator({ destroyOnReturn: false }), limits, now);
  if (encoding === 'identity') return limited(raw, maxBytes);
  if (encoding === 'gzip' || encoding === 'x-gzip') return limited(unpacked(raw), maxBytes);
  throw problem('UNSUPPORTED_MEDIA_TYPE', 'Send the feed as it is, or with Content-Encoding: gzip.');
}

async function* inTime(
  source: AsyncIterator<unknown>,
  limits: UploadLimits,
  now: () => number,
): AsyncGenerator<Buffer> {
  const { idleMs, minBytesPerSecond, rateMs } = limits;
  // Only the time in which the client is waited for: while rows are written it cannot send.
  let waitedMs = 0;
  let bytes = 0;
  for (;;) {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(problem('REQUEST_TIMEOUT', `Nothing more of the body came for ${idleMs / 1_000} s.`));
      }, idleMs);
    });
    const waitedFrom = now();
    const next = source.next();
    // After the timeout the outcome of this read is ignored.
    next.catch(() => undefined);
    const result = await Promise.race([next, late]).finally(() => {
      clearTimeout(timer);
    });
    if (result.done) return;
    // A request without an encoding yields buffers.
    const chunk = result.value as Buffer;
    waitedMs += now() - waitedFrom;
    bytes += chunk.length;
    if (waitedMs >= rateMs) {
      if (bytes < (minBytesPerSecond * waitedMs) / 1_000) throw tooSlow(minBytesPerSecond);
      waitedMs = 0;
      bytes = 0;
    }
    yield chunk;
  }
}

function tooSlow(minBytesPerSecond: number): Error {
  return problem(
    'UPLOAD_TOO_SLOW',
    `The body came with less than ${minBytesPerSecond} bytes a second. Send it faster, or packed with gzip.`,
  );
}

async function* unpacked(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let failure: Error | undefined;
  const given = Readable.from(source, { objectMode: false });
  given.once('error', (error: Error) => (failure = error));
  const gunzip = pipeline(given, createGunzip(), () => undefined);
  try {
    for await (const chunk of gunzip) yield chunk as Buffer;
  } catch (error) {
    if (failure !== undefined) throw failure;
    const reason = messageOf(error);
    throw problem('FEED_COMPRESSION_INVALID', `The upload cannot be unpacked: ${reason}.`);
  }
}

async function* limited(source: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw problem('PAYLOAD_TOO_LARGE', `A feed may have at most ${maxBytes} bytes.`);
    yield chunk;
  }
}
