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
}

/**
 * The body of a request as it comes, unpacked, and no faster than it is taken. A reader that stops early leaves the
 * connection usable, so that a response can still be sent.
 *
 * @throws AppError `UNSUPPORTED_MEDIA_TYPE`, `REQUEST_TIMEOUT`, `PAYLOAD_TOO_LARGE`, `FEED_COMPRESSION_INVALID`
 */
export function uploadOf(req: IncomingMessage, { maxBytes, idleMs }: UploadLimits): AsyncIterable<Buffer> {
  const encoding = req.headers['content-encoding'] ?? 'identity';
  const raw = inTime(req.iterator({ destroyOnReturn: false }), idleMs);
  if (encoding === 'identity') return limited(raw, maxBytes);
  if (encoding === 'gzip' || encoding === 'x-gzip') return limited(unpacked(raw), maxBytes);
  throw problem('UNSUPPORTED_MEDIA_TYPE', 'Send the feed as it is, or with Content-Encoding: gzip.');
}

async function* inTime(source: AsyncIterator<unknown>, idleMs: number): AsyncGenerator<Buffer> {
  for (;;) {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(problem('REQUEST_TIMEOUT', `Nothing more of the body came for ${idleMs / 1_000} s.`));
      }, idleMs);
    });
    const next = source.next();
    // After the timeout the outcome of this read is ignored.
    next.catch(() => undefined);
    const result = await Promise.race([next, late]).finally(() => {
      clearTimeout(timer);
    });
    if (result.done) return;
    // A request without an encoding yields buffers.
    yield result.value as Buffer;
  }
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
    throw problem('FEED_COMPRESSION_INVALID', `The feed cannot be unpacked: ${reason}.`);
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
