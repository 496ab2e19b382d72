import { once } from 'node:events';
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
  await pipeline(pieces, res, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

/** The pieces as a stream, which has the first, or the end. Whoever ends it ends what makes them. */
async function begun(pieces: FileResponse['pieces']): Promise<Readable> {
  const stream = Readable.from(pieces);
  await once(stream, 'readable');
  return stream;
}
