import { readFeed } from '../../domain/stock/feeds/read-feed';
import type { FeedOptions, FeedReject, FeedRow } from '../../domain/stock/feeds/types';

export async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  await Promise.resolve();
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** All that a feed has to say, read in pieces of so many bytes. */
export async function read(
  text: string | Buffer,
  size = 65_536,
  options: Partial<FeedOptions> = {},
): Promise<(FeedRow | FeedReject)[]> {
  const all: (FeedRow | FeedReject)[] = [];
  const source = pieces(Buffer.from(text), size);
  const whole = { mode: 'set', format: 'csv', location: 'AMS', ...options } as const;
  for await (const rows of readFeed(source, whole)) all.push(...rows);
  return all;
}

export function brief(rows: readonly (FeedRow | FeedReject)[]): string[] {
  return rows.map((row) =>
    'code' in row ? `${row.line} ${row.code}` : `${row.line} ${row.sku} ${row.quantity}`,
  );
}

/** However it is cut into pieces, it comes to the same. */
export async function expectRows(
  text: string | Buffer,
  rows: string[],
  options?: Partial<FeedOptions>,
): Promise<void> {
  for (const size of [1, 2, 3, 7, 64, 1_000_000]) {
    expect(brief(await read(text, size, options))).toEqual(rows);
  }
}
