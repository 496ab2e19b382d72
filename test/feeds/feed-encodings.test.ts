import { gzipSync } from 'node:zlib';
import { brief, expectRows, read } from './reading';

const UMLAUTS = 'sku;qty\nÄPFEL;1\n€;2';
const ENCODED = ['2 ÄPFEL 1', '3 € 2'];

function utf16(text: string, order: 'le' | 'be'): Buffer {
  const bytes = Buffer.from(text, 'utf16le');
  return order === 'le' ? bytes : bytes.swap16();
}

test('UTF-16 is known by its byte order mark or declared; Windows-1252 is declared', async () => {
  for (const order of ['le', 'be'] as const) {
    await expectRows(utf16(`\ufeff${UMLAUTS}`, order), ENCODED);
    await expectRows(utf16(`\ufeff${UMLAUTS}`, order), ENCODED, { charset: 'utf-16' });
    await expectRows(utf16(UMLAUTS, order), ENCODED, { charset: `utf-16${order}` });
  }
  const windows = Buffer.from('sku;qty\n\xc4PFEL;1\n\x80;2', 'latin1');
  await expectRows(windows, ENCODED, { charset: 'windows-1252' });
  await expectRows(`\ufeff${UMLAUTS}`, ENCODED, { charset: 'windows-1252' });
  await expectRows(UMLAUTS, ENCODED, { charset: 'utf-8' });
});

test.each([
  ['Windows-1252 that is not declared', Buffer.from('sku,qty\nA,1\nB\xe9,1\n', 'latin1'), undefined, 3],
  ['a character that is cut off at the end', Buffer.from('sku,qty\nA,1\nB\xe2\x82', 'latin1'), undefined, 3],
  ['UTF-16 without a mark', utf16(UMLAUTS, 'le'), undefined, 1],
  ['UTF-16 of no known order', utf16(UMLAUTS, 'le'), 'utf-16', 1],
  ['UTF-16 with half of a character', Buffer.from([0xff, 0xfe, 0x00, 0xd8, 0x41, 0x00]), undefined, 1],
] as const)('%s is refused with the line', async (_what, bytes, charset, line) => {
  for (const size of [1, 12, 1_000]) {
    await expect(read(bytes, size, { charset })).rejects.toMatchObject({
      code: 'FEED_ENCODING_INVALID',
      details: { line },
    });
  }
});

test.each(['504b0304140006000800', 'd0cf11e0a1b11ae10000'])(
  'a workbook (%s…) is not read as text',
  async (hex) => {
    const workbook = Buffer.concat([Buffer.from(hex, 'hex'), Buffer.alloc(100)]);
    for (const charset of [undefined, 'windows-1252'] as const)
      await expect(read(workbook, 1_000, { charset })).rejects.toMatchObject({
        code: 'FEED_ENCODING_INVALID',
        message: expect.stringContaining('save it as CSV') as string,
      });
  },
);

test('names whose letters and marks stand apart are the same names', async () => {
  expect(brief(await read('sku,qty\nCafe\u0301,5\n'))).toEqual(['2 Caf\u00e9 5']);
});

test('gzip that is not declared is told how to be sent', async () => {
  await expect(read(gzipSync('sku,quantity\nA,1'))).rejects.toMatchObject({
    code: 'FEED_ENCODING_INVALID',
    message: expect.stringContaining('Content-Encoding: gzip') as string,
  });
});
