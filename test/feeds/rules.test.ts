import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import {
  checkRow,
  cleanText,
  delimiterOf,
  parseQuantity,
  readHeader,
  splitLine,
} from '../../domain/stock/feeds/rules';

test.each([
  ['5', 5],
  ['0', 0],
  ['-0', 0],
  ['007', 7],
  ['+12', 12],
  ['1,234', 1_234],
  ['1 234 567', 1_234_567],
  ["1'234", 1_234],
  ['1\u00a0234', 1_234],
  ['12.00', 12],
  ['12.', 12],
  ['2147483647', 2_147_483_647],
  ['2147483648', 'QUANTITY_OVERFLOW'],
  ['99999999999999999999999', 'QUANTITY_OVERFLOW'],
  ['-1', 'QUANTITY_NEGATIVE'],
  ['−1', 'QUANTITY_NEGATIVE'],
  ['', 'QUANTITY_MISSING'],
  ['1.5', 'QUANTITY_INVALID'],
  ['1.234', 'QUANTITY_INVALID'],
  ['12,34', 'QUANTITY_INVALID'],
  ['1,2345', 'QUANTITY_INVALID'],
  ['1e3', 'QUANTITY_INVALID'],
  ['0x10', 'QUANTITY_INVALID'],
  ['five', 'QUANTITY_INVALID'],
  ['NaN', 'QUANTITY_INVALID'],
  ['--1', 'QUANTITY_INVALID'],
])('the quantity "%s" is read as %s', (text, expected) => {
  expect(parseQuantity(text, 'set')).toBe(expected);
});

test('a delta may be negative, as far as a counter goes', () => {
  expect(parseQuantity('-3', 'delta')).toBe(-3);
  expect(parseQuantity('-2147483648', 'delta')).toBe('QUANTITY_OVERFLOW');
});

test('columns are known by many names, whatever their case, spaces and hyphens; the own name wins', () => {
  expect(readHeader(['Item No.', 'Ware-house', 'QTY on hand', 'x']).columns).toEqual({
    sku: 0,
    location: 1,
    quantity: 2,
  });
  expect(readHeader(['product', 'Stock', 'Quantity', 'sku'])).toEqual({
    columns: { sku: 3, quantity: 2 },
    ambiguous: null,
  });
  expect(readHeader(['qty', 'stock']).ambiguous).toBe('quantity');
  expect(readHeader(['quantity', 'Quantity']).ambiguous).toBe('quantity');
});

test('the delimiter is the one that the header uses most outside of quotes', () => {
  expect(delimiterOf('sku;location;qty')).toBe(';');
  expect(delimiterOf('sku\tlocation, of it\tqty')).toBe('\t');
  expect(delimiterOf('"a;b;c",d')).toBe(',');
  expect(delimiterOf('sku')).toBe(',');
});

test('a quote that is not closed, or that text follows, makes no fields', () => {
  expect(splitLine('"a,b', ',')).toBeNull();
  expect(splitLine('"a"b,c', ',')).toBeNull();
  expect(splitLine('a"b,c', ',')).toEqual(['a"b', 'c']);
  expect(splitLine(' "a" , b ,', ',')).toEqual(['a', 'b', '']);
});

test('whatever fields a line was written from, they are what it is split into, as csv-parse does', () => {
  const field = fc.string({ unit: fc.constantFrom('a', ' ', '"', ',', ';', 'é', '1'), maxLength: 6 });
  fc.assert(
    fc.property(
      fc.array(field, { minLength: 1, maxLength: 5 }),
      fc.constantFrom(',', ';'),
      (fields, delimiter) => {
        const line = fields.map((text) => `"${text.replaceAll('"', '""')}"`).join(delimiter);
        const trimmed = fields.map((text) => text.trim());
        expect(splitLine(line, delimiter)).toEqual(trimmed);
        expect(parse(line, { delimiter, trim: true }).map((row) => row.map((text) => text.trim()))).toEqual([
          trimmed,
        ]);
      },
    ),
  );
});

test('text is kept on one line and within its length, and never with half of a character', () => {
  expect(cleanText('a\tb\r\n\u0000c')).toBe('a b c');
  expect(cleanText('a😀', 2)).toBe('a ');
  expect(cleanText('')).toBeNull();
});

const GIVEN = { line: 2, sku: 'A', location: 'AMS', quantity: '1', reason: undefined, reference: undefined };
const OPTIONS = { mode: 'set', location: null } as const;
test.each([
  [{ sku: undefined }, 'SKU_MISSING'],
  [{ sku: '' }, 'SKU_MISSING'],
  [{ sku: 'x'.repeat(101) }, 'SKU_INVALID'],
  [{ sku: 'a\u0000b' }, 'SKU_INVALID'],
  [{ sku: 'a\ud800' }, 'SKU_INVALID'],
  [{ location: '' }, 'LOCATION_MISSING'],
  [{ location: 'x'.repeat(51) }, 'LOCATION_INVALID'],
  [{ location: 'a\u0007' }, 'LOCATION_INVALID'],
  [{ quantity: undefined }, 'QUANTITY_MISSING'],
])('a row with %j is rejected: %s', (given, code) => {
  expect(checkRow({ ...GIVEN, ...given }, OPTIONS)).toMatchObject({ line: 2, code });
});

test('a default location is taken where a row names none', () => {
  const row = checkRow({ ...GIVEN, location: undefined }, { mode: 'set', location: 'BER' });
  expect(row).toEqual({ line: 2, sku: 'A', location: 'BER', quantity: 1, reason: null, reference: null });
});
