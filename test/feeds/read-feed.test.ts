import fc from 'fast-check';
import { readFeed } from '../../domain/stock/feeds/read-feed';
import type { FeedFormat, FeedReject, FeedRow } from '../../domain/stock/feeds/types';

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  await Promise.resolve();
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(
  text: string | Buffer,
  size = 65_536,
  format: FeedFormat = 'csv',
): Promise<(FeedRow | FeedReject)[]> {
  const all: (FeedRow | FeedReject)[] = [];
  const source = pieces(Buffer.from(text), size);
  for await (const rows of readFeed(source, { mode: 'set', format, location: 'AMS' })) all.push(...rows);
  return all;
}

function brief(rows: readonly (FeedRow | FeedReject)[]): string[] {
  return rows.map((row) =>
    'code' in row ? `${row.line} ${row.code}` : `${row.line} ${row.sku} ${row.quantity}`,
  );
}

const FEED = '\ufeffsku,qty\r\n\r\nÄPFEL,1\r\n"a ""b""",2\nbroken",3\n"open,4\n,5\nlast,6,,\nmore,7,x\n😀,8';
const ROWS = [
  '3 ÄPFEL 1',
  '4 a "b" 2',
  '5 broken" 3',
  '6 QUOTE_BROKEN',
  '7 SKU_MISSING',
  '8 last 6',
  '9 COLUMN_COUNT',
  '10 😀 8',
];

test('however a feed is cut into pieces, its rows are the same', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 80 }), async (size) => {
      expect(brief(await read(FEED, size))).toEqual(ROWS);
    }),
  );
});

test('JSON lines know members by many names, numbers and texts; what is no object is a reject', async () => {
  const lines = [
    '{"item":"A","on_hand":3}',
    '',
    '[1]',
    '{"sku":"B","quantity":"4 000"',
    '{"sku":5,"qty":6.5}',
    '{"qty":1}',
    '{"sku":"C","qty":"7","sku_name":"x"}',
  ];
  expect(brief(await read(lines.join('\n'), 7, 'ndjson'))).toEqual([
    '1 A 3',
    '3 JSON_INVALID',
    '4 JSON_INVALID',
    '5 QUANTITY_INVALID',
    '6 SKU_MISSING',
    '7 C 7',
  ]);
});

test('lines that are too long are rejects, wherever the pieces end, and the lines around them are kept', async () => {
  const long = 'x'.repeat(400_000);
  for (const size of [1_000, 65_536, 10_000_000]) {
    expect(brief(await read(`sku,qty\nA,1\n${long}\nB,2\n${long}`, size))).toEqual([
      '2 A 1',
      '3 LINE_TOO_LONG',
      '4 B 2',
      '5 LINE_TOO_LONG',
    ]);
  }
});

test('what is not UTF-8 is refused with the line from which on', async () => {
  const bytes = Buffer.concat([Buffer.from('sku,qty\nA,1\n'), Buffer.from([0x42, 0xe9, 0x2c, 0x31, 0x0a])]);
  await expect(read(bytes, 12)).rejects.toMatchObject({
    code: 'FEED_ENCODING_INVALID',
    details: { line: 3 },
  });
});
