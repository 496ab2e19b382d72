import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { csvLine, csvLines, Numeral, withoutEscape } from '../../platform/csv';

test('numbers stay numbers, nothing is an empty cell, and what needs quotes has them', () => {
  expect(
    csvLines([
      ['a', 1, -5, null],
      ['b,c', 9_007_199_254_740_993n, -7n, ''],
      ['say "x"', 0, 1.5, 'a\nb'],
      ['x;=1', 0, 0, 'c\rd'],
      ['-1.50', new Numeral('-1.50'), new Numeral('0.00'), ''],
    ]),
  ).toBe(
    `a,1,-5,\n"b,c",9007199254740993,-7,\n"say ""x""",0,1.5,"a\nb"\n"x;'=1",0,0,"c\rd"\n'-1.50,-1.50,0.00,\n`,
  );
});

test.each([
  '=HYPERLINK("http://x","y")',
  '@SUM(1+1)',
  '+1-1',
  '-1+1',
  '-5',
  '\t=1',
  '\r=1',
  '\n=1',
  ' =1',
  '\u00a0@x',
  '\ufeff=1',
  '\u0000=1',
  '＝1',
  ' ＠x',
])('text that would be a formula is told to be text: %j', (text) => {
  const [[cell] = []] = parse(csvLine([text]));
  expect(cell).toMatch(/^'/);
  expect(withoutEscape(cell ?? '')).toBe(text);
});

test.each([
  ['red;=1+1', "red;'=1+1"],
  ['a\n@x', "a\n'@x"],
  ['a\r\n -1', "a\r'\n' -1"],
  ['a|"=1', 'a|\'"=1'],
  ['a\t＝1', "a\t'＝1"],
  ["'=1", "''=1"],
  ['a; b-1', 'a; b-1'],
  ['a,=1', 'a,=1'],
])('%j, whose later part would be a formula under other delimiters, is written as %j', (text, written) => {
  const [[cell] = []] = parse(csvLine([text]));
  expect(cell).toBe(written);
  expect(withoutEscape(written)).toBe(text);
});

test('whatever is written, no cell begins a formula under any delimiter, and it is read as it was', () => {
  const characters = ['=', '+', '-', '@', '＝', ' ', '\t', '\r', '\n', '"', "'", ',', ';', '|', 'a'];
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: fc.constantFrom(...characters) }), { minLength: 2, maxLength: 4 }),
      (cells) => {
        const line = csvLine(cells);
        const [read = []] = parse(line);
        expect(read.filter((cell) => /^\s*[=+\-@＝]|^[\t\r\n]/.test(cell))).toEqual([]);
        expect(read.map(withoutEscape)).toEqual(cells);
        // As a spreadsheet cuts it that takes another character for the delimiter, and quotes inside of a field for text.
        const pieces = cells.flatMap((cell) =>
          csvLine(['x', cell])
            .slice(2)
            .split(/[;|\t\r\n]/)
            .slice(1),
        );
        expect(pieces.filter((piece) => /^["\s]*[=+\-@＝]/.test(piece))).toEqual([]);
      },
    ),
    { numRuns: 2_000 },
  );
});
