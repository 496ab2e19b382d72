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
 * taken for the whole.
 */
export async function sendFile(res: Response, file: FileResponse, signal: AbortSignal): Promise<void> {
  res.status(200).type(file.mediaType);
  res.setHeader('content-disposition', `attachment; filename="${file.name}"`);
  // Nothing is made of which nothing is sent.
  if (res.req.method === 'HEAD') {
    res.end();
    return;
  }
  await pipeline(Readable.from(file.pieces), res, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
