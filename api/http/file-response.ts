import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';

/** A file that is made while the client takes it. */
export interface FileResponse {
  mediaType: string;
  /** By which the client saves it. */
  name: string;
  pieces: AsyncIterable<Buffer | string> | Iterable<Buffer | string>;
}

/**
 * Sends a file piece by piece. A client that leaves, or a database that fails half-way, breaks the connection, so a part is never
 * taken for the whole. What fails before the first piece is thrown, and nothing is sent.
 */
export async function sendFile(res: Response, file: FileResponse, signal: AbortSignal): Promise<void> {
  // Nothing is made of which nothing is sent.
  const pieces = res.req.method === 'HEAD' ? null : await begun(file.pieces);
  res.status(200).type(file.mediaType);
  res.setHeader('content-disposition', `attachment; filename="${file.name}"`);
  if (!pieces) {
    res.end();
    return;
  }
  await pipeline(Readable.from(pieces), res, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

/** The same pieces, of which the first is there. */
async function begun(pieces: FileResponse['pieces']): Promise<AsyncIterable<Buffer | string>> {
  const rest = (async function* () {
    yield* pieces;
  })();
  const first = await rest.next();
  return (async function* () {
    try {
      if (!first.done) yield first.value;
      yield* rest;
    } finally {
      // A client that leaves before the first piece is taken.
      await rest.return(undefined);
    }
  })();
}
