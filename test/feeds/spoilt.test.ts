import { checkRow } from '../../domain/product-import/rules';
import { spoiltReason } from '../../domain/uploads/spoilt';

test.each([
  ['="0412"', /write 0412 without/],
  ['\'="0412"', /write 0412 without/],
  ['=""', /formula/],
  ['#N/A', /error of a spreadsheet/],
  ['#REF!', /error/],
  ['#VALUE!', /error/],
  ['#name?', /error/],
  ['#DIV/0!', /error/],
  ['########', /error/],
  ['1.20E+05', /make its column text/],
  ['1,2e+05', /make its column text/],
  ['5E+11', /make its column text/],
  ['NULL', /leave the field empty/],
  ['\\N', /leave the field empty/],
  ['nan', /leave the field empty/],
  ['None', /leave the field empty/],
  ['undefined', /leave the field empty/],
])('%s is spoilt, and the reason says what to do', (text, why) => {
  expect(spoiltReason(text, 'lot')).toMatch(why);
});

test.each([
  '0412',
  '1E5',
  '12E3',
  'E+05',
  '#1',
  '#N',
  'A#REF!',
  'NULLIFY-1',
  'NONE',
  'NAN-PRO',
  'None-1',
  '=A1',
  '-5',
  '',
])('%s may be meant', (text) => {
  expect(spoiltReason(text, 'lot')).toBeNull();
});

test.each(['sku', 'name', 'category'] as const)('an upload of products takes no spoilt %s', (field) => {
  const cell = (text: string) => ({ kind: 'text' as const, text });
  const cells = new Map([['sku', cell('A')] as const, [field, cell('#N/A')] as const]);
  expect(checkRow({ line: 2, cells }, { clears: false })).toMatchObject({ line: 2, code: 'VALUE_SPOILT' });
});
