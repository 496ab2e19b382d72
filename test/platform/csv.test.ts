import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { csvLine, csvLines } from '../../platform/csv';

test('numbers stay numbers, nothing is an empty cell, and what needs quotes has them', () => {
  expect(
    csvLines([
      ['a', 1, -5, null],
      ['b,c', 9_007_199_254_740_993n, -7n, ''],
      ['say "x"', 0, 1.5, 'a\nb'],
      ['x;=1', 0, 0, 'c\rd'],
    ]),
  ).toBe('a,1,-5,\n"b,c",9007199254740993,-7,\n"say ""x""",0,1.5,"a\nb"\n"x;=1",0,0,"c\rd"\n');
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
  expect(cell).toBe(`'${text}`);
});

test('whatever is written, no cell begins a formula, and it can be read again', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.string({ unit: fc.constantFrom('=', '+', '-', '@', ' ', '\t', '\r', '\n', '"', ',', ';', 'a') }),
        {
          minLength: 2,
          maxLength: 4,
        },
      ),
      (cells) => {
        const [read = []] = parse(csvLine(cells));
        expect(read.filter((cell) => /^\s*[=+\-@]|^[\t\r\n]/.test(cell))).toEqual([]);
        expect(read.map((cell) => cell.replace(/^'/, ''))).toEqual(cells);
      },
    ),
  );
});
