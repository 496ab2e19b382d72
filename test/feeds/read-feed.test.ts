import fc from 'fast-check';
import { stringify } from 'csv-stringify/sync';
import { readFeed } from '../../domain/stock/feeds/read-feed';
import type { FeedReject, FeedRow } from '../../domain/stock/feeds/types';
import { brief, expectRows, pieces, read } from './reading';

const FEED =
  '\ufeffsku,qty\r\n\r\nÄPFEL,1\r\n"a ""b""",2\nbroken",3\n"x"y,4\n",5\nz",6\n,7\nlast,8,,\nmore,9,x\n😀,10\n   ';
const ROWS = [
  '3 ÄPFEL 1',
  '4 a "b" 2',
  '5 broken" 3',
  '6 QUOTE_BROKEN',
  '8 z" 6',
  '9 SKU_MISSING',
  '10 last 8',
  '11 COLUMN_COUNT',
  '12 😀 10',
];

test('the Ctrl-Z with which DOS ends a file is none of its text, one within is', async () => {
  await expectRows('sku,qty\r\nA,1\r\n\u001a', ['2 A 1']);
  await expectRows(`sku,qty\r\nA,1\u001a\r\n${'\u001a'.repeat(100)}`, ['2 A 1']);
  await expectRows('sku,qty\nA,1\nB\u001a,2\n', ['2 A 1', '3 SKU_INVALID']);
  await expectRows('sku,qty\nA,1\u001a\u001a\nB,2\n', ['2 QUANTITY_INVALID', '3 B 2']);
  await expectRows(`sku,qty\nA,1\n${'\u001a'.repeat(1_000)}`, ['2 A 1', '3 SKU_INVALID']);
  await expectRows('{"sku":"A","quantity":1}\n\u001a', ['1 A 1'], { format: 'ndjson' });
});

test('however a feed is cut into pieces, its rows are the same', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 80 }), async (size) => {
      expect(brief(await read(FEED, size))).toEqual(ROWS);
    }),
  );
});

test('whatever was written by csv-stringify is read as it was, with the line of each row', async () => {
  const text = fc.string({
    unit: fc.constantFrom('a', ' ', '"', ',', ';', '\n', '\r', '\r\n', 'é', '1'),
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(text, fc.integer({ min: 0, max: 9 })), { minLength: 1, maxLength: 6 }),
      fc.constantFrom(',', ';', '\t', '|'),
      fc.constantFrom('\n', '\r\n', '\r'),
      fc.integer({ min: 1, max: 40 }),
      async (rows, delimiter, end, size) => {
        const written = stringify(
          [['sku', 'qty', 'note'], ...rows.map(([note, qty], n) => [`S${n}`, qty, note])],
          {
            delimiter,
            record_delimiter: end,
            quoted_string: true,
          },
        );
        let line = 1;
        const expected = rows.map(([note, quantity], n) => {
          line += 1;
          const row = { line, sku: `S${n}`, location: 'AMS', quantity, reason: kept(note), reference: null };
          line += note.split(/\r\n|\r|\n/).length - 1;
          return row;
        });
        expect(await read(written, size)).toEqual(expected);
      },
    ),
  );
});

/** Line ends within a note are a blank in the ledger. */
function kept(note: string): string | null {
  return note.trim() === '' ? null : note.trim().replace(/[\r\n]+/g, ' ');
}

test.each([
  ['csv', 'sku,qty,as of time,Bin,\nA,1,x,2,\n', ['Bin']],
  ['csv', 'sku,qty,counted on\nA,1,2026-11-26T18:00:00Z\n', []],
  ['ndjson', '{"sku":"A","quantity":1,"asOff":"x"}\n{"sku":"A","quantity":1,"bin":2}\n', ['asOff', 'bin']],
] as const)('columns of %s that mean nothing are told of', async (format, text, names) => {
  const ignored = new Set<string>();
  const rows = readFeed(pieces(Buffer.from(text), 1_000), { mode: 'set', location: 'AMS', format }, ignored);
  for await (const some of rows) expect(some.length).toBeGreaterThan(0);
  expect([...ignored]).toEqual(names);
});

test('blank fields beyond the header are padding; anything else there, and what a comma may have cut, rejects its row', async () => {
  await expectRows('sku,location,quantity\nA,AMS,3,,\nB,AMS,4, ,"  ",\nC,AMS,5,,x', [
    '2 A 3',
    '3 B 4',
    '4 COLUMN_COUNT',
  ]);
  // Columns that the header has no name for.
  await expectRows('sku,location,quantity,,\nA,AMS,3,,\nB,AMS,1,000,\nC,AMS,0,5\nD,AMS,5', [
    '2 A 3',
    '3 COLUMN_COUNT',
    '4 COLUMN_COUNT',
    '5 D 5',
  ]);
  await expectRows(',sku,quantity\n0,A,3\n1,B,4', ['2 A 3', '3 B 4']);
  await expectRows('sku,quantity,min\nA,5,000,\nB,1,000.00,\nC,5,100\nD,5,,\nE,"5",x,', [
    '2 COLUMN_COUNT',
    '3 COLUMN_COUNT',
    '4 C 5',
    '5 D 5',
    '6 E 5',
  ]);
  await expectRows('sku;quantity;min\nA;5;100;\nB;6;7;;', ['2 A 5', '3 B 6']);
});

test('what stands in quotes is never a row of its own, whatever its line ends', async () => {
  for (const end of ['\n', '\r\n', '\r']) {
    const note = ['"was on the sheet:', 'T,B,999,', 'please ""check"""'].join(end);
    await expectRows(['sku,location,quantity,note', `S,A,7,${note}`, 'U,A,3,'].join(end), ['2 S 7', '5 U 3']);
  }
});

test('a blank line, a mixed line end and a blank before a quote are no obstacles', async () => {
  await expectRows('sku;qty\r\rA;1\n\nB;2\r\n"C" ; "3"\n\t"D\n";4\rE;5', [
    '3 A 1',
    '5 B 2',
    '6 C 3',
    '7 D 4',
    '9 E 5',
  ]);
});

test('a header may have line ends in quotes, and a line before it that names the delimiter', async () => {
  await expectRows('sep=;\r\n"item\nno";"on, on, on,\nhand";qty\nA;x;1', ['5 A 1']);
  await expectRows('sku|qty\nA|1', ['2 A 1']);
  await expectRows('sku\tqty\n\t1\nA\t"1"', ['2 SKU_MISSING', '3 A 1']);
});

test('a quote that is not closed ends the feed at its line', async () => {
  await expectRows('sku,location,qty\nS,A,7\n"T,A,999\nU,A,3\n', ['2 S 7', '3 QUOTE_UNCLOSED']);
  await expectRows('sku,location,qty,note\nS,A,7,"open\nT,A,999,\nU,A,3,', ['2 QUOTE_UNCLOSED']);
  const rest = 'T,A,999\n'.repeat(20_000);
  for (const size of [1_000, 65_536, 10_000_000]) {
    expect(brief(await read(`sku,location,qty\nS,A,7\n"T,A,1\n${rest}"V",A,3\n`, size))).toEqual([
      '2 S 7',
      '3 QUOTE_UNCLOSED',
    ]);
  }
});

test('after a quote that text follows, its own end is looked for: nothing in between is a row', async () => {
  await expectRows('sku,location,qty,note\nS,A,7,"was 5" wide\nT,B,999,\nplease check"\nU,A,3,', [
    '2 QUOTE_BROKEN',
    '5 U 3',
  ]);
  await expectRows('sku,location,qty\n"12" screen",A,7\nU,A,3', ['2 QUOTE_BROKEN', '3 U 3']);
  await expectRows('sku,location,qty\n"12" screen,A,7\nU,A,3', ['2 QUOTE_UNCLOSED']);
  await expectRows('sku,location,qty\n"a" "b",A,7\nU,A,3', ['2 QUOTE_BROKEN', '3 U 3']);
});

test('records that are too long are rejects, wherever the pieces end, and those around them are kept', async () => {
  const long = 'x'.repeat(400_000);
  const notes = Array.from({ length: 3 }, () => `"${'y\n'.repeat(15_000)}"`).join(',');
  for (const size of [1_000, 65_536, 10_000_000]) {
    expect(brief(await read(`sku,qty\nA,1\n${long}\nB,2\nC,3,${notes}\nD,4\n${long}`, size))).toEqual([
      '2 A 1',
      '3 LINE_TOO_LONG',
      '4 B 2',
      '5 LINE_TOO_LONG',
      '45006 D 4',
      '45007 LINE_TOO_LONG',
    ]);
    const json = { format: 'ndjson' } as const;
    expect(brief(await read(`{"sku":"A","qty":1}\n${long}\r\n{"sku":"B","qty":2}`, size, json))).toEqual([
      '1 A 1',
      '2 LINE_TOO_LONG',
      '3 B 2',
    ]);
  }
});

test('a record of the longest length is read', async () => {
  const row = (length: number) => `A,1,${'x'.repeat(length - 4)}`;
  const feed = `sku,qty,other\n${row(65_536)}\n${row(65_537)}\nB,2,`;
  expect(brief(await read(feed, 10_000))).toEqual(['2 A 1', '3 LINE_TOO_LONG', '4 B 2']);
});

test('JSON lines know members by many names, numbers and texts; what is no object is a reject', async () => {
  const lines = [
    '{"item":"A","on_hand":3}',
    '',
    '[1]',
    '{"sku":"B","quantity":"4 000"',
    '{"sku":"B","qty":6.5}',
    '{"qty":1}',
    '{"sku":"C","qty":"7","sku_name":{"x":["y",{"sku":"Z"}]}}\r',
    '{"s\\u006bu":"D \\"\\u00e9","quantity":null,"stock":8}',
    '{"sku":"E","qty":"1.000"}',
    '{"sku":"F","qty":1000.0}',
    '{"sku":"G","qty":9007199254740993}',
    '{"sku":"H","qty":true}',
    '{"sku":"I","qty":{"n":1}}',
    'null',
  ];
  await expectRows(
    lines.join('\n'),
    [
      '1 A 3',
      '3 JSON_INVALID',
      '4 JSON_INVALID',
      '5 QUANTITY_FRACTION',
      '6 SKU_MISSING',
      '7 C 7',
      '8 D "é 8',
      '9 QUANTITY_AMBIGUOUS',
      '10 F 1000',
      '11 QUANTITY_OVERFLOW',
      '12 QUANTITY_INVALID',
      '13 QUANTITY_INVALID',
      '14 JSON_INVALID',
    ],
    { format: 'ndjson' },
  );
});

test('identifiers of JSON lines are text, and each stands once', async () => {
  const lines = [
    '{"sku":"A","location":"AMS","qty":1}',
    '{"sku":4711,"qty":1}',
    '{"sku":true,"qty":1}',
    '{"sku":["A"],"qty":1}',
    '{"sku":"A","location":7,"qty":1}',
    '{"sku":"A","lot":815,"qty":1}',
    '{"sku":"A","lot":"815","colour":1,"colour":2,"qty":1}',
    '{"sku":"A","sku":"B","qty":1}',
    '{"sku":"A","qty":1,"stock":2}',
    '{"item":"X","sku":"A","qty":1}',
    '{"sku":"A","qty":1,"reference":4500012345678901234567}',
  ];
  const rows = await read(lines.join('\n'), 100, { format: 'ndjson' });
  expect(brief(rows)).toEqual([
    '1 A 1',
    '2 SKU_NOT_TEXT',
    '3 SKU_NOT_TEXT',
    '4 SKU_NOT_TEXT',
    '5 LOCATION_NOT_TEXT',
    '6 LOT_NOT_TEXT',
    '7 A 1',
    '8 MEMBER_DUPLICATE',
    '9 MEMBER_DUPLICATE',
    '10 A 1',
    '11 A 1',
  ]);
  expect(rows[1]).toMatchObject({ sku: '4711', reason: expect.stringContaining('text') as unknown });
  expect(rows[10]).toMatchObject({ reference: '4500012345678901234567' });
});

test('a declared decimal mark is that of every row', async () => {
  const feed = 'sku;qty\nA;1.000\nB;12,00\nC;0,5';
  await expectRows(feed, ['2 A 1000', '3 B 12', '4 QUANTITY_FRACTION'], { decimal: ',' });
  await expectRows(feed, ['2 A 1', '3 QUANTITY_INVALID', '4 QUANTITY_INVALID'], { decimal: '.' });
  await expectRows(feed, ['2 QUANTITY_AMBIGUOUS', '3 B 12', '4 QUANTITY_FRACTION']);
});

test.each([
  ['set', 'delta'],
  ['set', 'Change'],
  ['delta', 'on hand'],
  ['delta', 'Stock level'],
  ['delta', 'count'],
] as const)('a %s feed with a column "%s" is refused: it says the other mode', async (mode, column) => {
  const refused: unknown = expect.objectContaining({ code: 'FEED_MODE_MISMATCH', details: { column } });
  await expect(read(`sku,${column}\nS,5\n`, 64, { mode })).rejects.toEqual(refused);
  const json = { mode, format: 'ndjson' } as const;
  await expect(read(JSON.stringify({ sku: 'S', [column]: 5 }), 64, json)).rejects.toEqual(refused);
  expect(brief(await read(`sku,quantity,${column}\nS,5,9\n`, 64, { mode }))).toEqual(['2 S 5']);
});

test('rows of a sheet without a value are skipped, also before the header', async () => {
  await expectRows(';;\n ; ;\nsku;location;quantity\n;;\nA;AMS;3\n"";" ";\n;;', ['5 A 3']);
});

test('members that mean the same are one field where one has its own name, whatever their order', async () => {
  const lines = [
    '{"item":"B","product":"C","sku":"A","quantity":1}',
    '{"sku":"A","item":"B","product":"C","quantity":2}',
    '{"item":"B","product":"C","quantity":3}',
    '{"sku":"A","SKU":"A","quantity":4}',
    '{"sku":null,"item":"B","quantity":5}',
  ];
  await expectRows(
    lines.join('\n'),
    ['1 A 1', '2 A 2', '3 MEMBER_DUPLICATE', '4 MEMBER_DUPLICATE', '5 B 5'],
    { format: 'ndjson' },
  );
});

test('a file of rejects that is sent with the other mode is refused', async () => {
  const set = 'line,sku,location,quantity,code,reason,asOf,reference,rowReason\n2,A,AMS,3,UNKNOWN_SKU,x,,,';
  const delta = 'line,sku,location,delta,code,reason,reference,rowReason\n2,A,AMS,3,UNKNOWN_SKU,x,,';
  await expectRows(set, ['2 A 3']);
  await expectRows(delta, ['2 A 3'], { mode: 'delta' });
  await expect(read(set, 100, { mode: 'delta' })).rejects.toMatchObject({ code: 'FEED_MODE_MISMATCH' });
  await expect(read(delta, 100)).rejects.toMatchObject({ code: 'FEED_MODE_MISMATCH' });
});

test('a row that was too old and has no time is rejected again, and one with its time is read', async () => {
  const header = 'line,sku,location,quantity,code,reason';
  await expectRows(`${header}\n2,A,AMS,3,OVERTAKEN,x\n3,B,AMS,4,SUPERSEDED,x\n4,C,AMS,5,UNKNOWN_SKU,x`, [
    '2 OVERTAKEN',
    '3 SUPERSEDED',
    '4 C 5',
  ]);
  await expectRows(
    `${header},asOf\n2,A,AMS,3,OVERTAKEN,x,2026-11-26T18:00:00Z\n3,A,AMS,4,OVERTAKEN,x,\n4,A,AMS,4,,x,`,
    ['2 A 3', '3 OVERTAKEN', '4 A 4'],
  );
});

test('a file of our rejects is read without its apostrophes, any other with them', async () => {
  const lots = (rows: readonly (FeedRow | FeedReject)[]) => rows.map(({ sku, lot }) => [sku, lot]);
  const row = "'=A,AMS,1,UNKNOWN_SKU,why,2026-11-27T18:00:00Z,,,''=L;'-1";
  const ours = `line,sku,location,quantity,code,reason,asOf,reference,rowReason,lot\n2,${row}\n`;
  expect(lots(await read(ours))).toEqual([['=A', "'=L;-1"]]);
  expect(lots(await read(ours.replace('line,sku', 'row,sku')))).toEqual([["'=A", "''=L;'-1"]]);
});
