import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { parseJsonNumber, parseQuantity } from '../../domain/stock/feeds/quantity';
import { checkRow, fieldOf, readFeedHeader, rejectsHeader } from '../../domain/stock/feeds/rules';
import { REJECT_CODES } from '../../domain/stock/feeds/types';
import {
  cleanText,
  declaredDelimiter,
  delimiterOf,
  noteIgnored,
  readHeader,
} from '../../domain/uploads/rules';
import type { DecimalMark } from '../../domain/uploads/types';

function quantity(text: string, decimal?: DecimalMark): number | string {
  const read = parseQuantity(text, { mode: 'set', decimal });
  return typeof read === 'number' ? read : read.code.replace('QUANTITY_', '');
}

// What each notation means where the feed declares nothing, a dot before decimals, and a comma.
test.each([
  ['5', 5, 5, 5],
  ['0', 0, 0, 0],
  ['-0', 0, 0, 0],
  ['007', 7, 7, 7],
  ['+12', 12, 12, 12],
  // The only mark is followed by exactly three digits.
  ['1.000', 'AMBIGUOUS', 1, 1_000],
  ['12,000', 'AMBIGUOUS', 12_000, 12],
  ['12.000', 'AMBIGUOUS', 12, 12_000],
  ['5,000', 'AMBIGUOUS', 5_000, 5],
  ['-5,000', 'AMBIGUOUS', 'NEGATIVE', 'NEGATIVE'],
  ['1.234', 'AMBIGUOUS', 'FRACTION', 1_234],
  ['1234,000', 'AMBIGUOUS', 'INVALID', 1_234],
  ['01,234', 'AMBIGUOUS', 'INVALID', 'FRACTION'],
  // Nothing but zeros before the mark: it stands before decimals.
  ['0,500', 'FRACTION', 'INVALID', 'FRACTION'],
  ['0.500', 'FRACTION', 'FRACTION', 'INVALID'],
  ['00,500', 'FRACTION', 'INVALID', 'FRACTION'],
  [',500', 'FRACTION', 'INVALID', 'FRACTION'],
  ['.5', 'FRACTION', 'FRACTION', 'INVALID'],
  ['0.000', 0, 0, 'INVALID'],
  // One, two or more than three digits after the mark: it stands before decimals.
  ['1.0', 1, 1, 'INVALID'],
  ['1,00', 1, 'INVALID', 1],
  ['12.0000', 12, 12, 'INVALID'],
  ['12.', 12, 12, 'INVALID'],
  ['1.5', 'FRACTION', 'FRACTION', 'INVALID'],
  ['1,50', 'FRACTION', 'INVALID', 'FRACTION'],
  ['0,5', 'FRACTION', 'INVALID', 'FRACTION'],
  ['1,2345', 'FRACTION', 'INVALID', 'FRACTION'],
  // A mark that stands twice groups; of two marks the last one stands before decimals.
  ['1.000.000', 1_000_000, 'INVALID', 1_000_000],
  ['1,234,567', 1_234_567, 1_234_567, 'INVALID'],
  ['1.234,00', 1_234, 'INVALID', 1_234],
  ['1,234.00', 1_234, 1_234, 'INVALID'],
  ['1,234.000', 1_234, 1_234, 'INVALID'],
  ['1.234,5', 'FRACTION', 'INVALID', 'FRACTION'],
  ['1.00.000', 'INVALID', 'INVALID', 'INVALID'],
  ['1,00,000', 'INVALID', 'INVALID', 'INVALID'],
  ['12,34.00', 'INVALID', 'INVALID', 'INVALID'],
  ['1.234,567,000', 'INVALID', 'INVALID', 'INVALID'],
  ['0.500.000', 'INVALID', 'INVALID', 'INVALID'],
  // Blanks and apostrophes group in every notation.
  ['1 234 567', 1_234_567, 1_234_567, 1_234_567],
  ["1'000", 1_000, 1_000, 1_000],
  ['1’000', 1_000, 1_000, 1_000],
  ['1\u00a0234', 1_234, 1_234, 1_234],
  ['1\u202f234,00', 1_234, 'INVALID', 1_234],
  ['1\u2007234', 1_234, 1_234, 1_234],
  ['1\u2009234\u2009567', 1_234_567, 1_234_567, 1_234_567],
  ['1\u02bc000', 1_000, 1_000, 1_000],
  ['1\u2018000', 1_000, 1_000, 1_000],
  // Programs for scripts from right to left put marks of direction beside a minus.
  ['\u200e-1', 'NEGATIVE', 'NEGATIVE', 'NEGATIVE'],
  ['12\u200f', 12, 12, 12],
  ['1 234,000', 1_234, 'INVALID', 1_234],
  ["1'234 567", 'INVALID', 'INVALID', 'INVALID'],
  ['1 23', 'INVALID', 'INVALID', 'INVALID'],
  ['2147483647', 2_147_483_647, 2_147_483_647, 2_147_483_647],
  ['2147483648', 'OVERFLOW', 'OVERFLOW', 'OVERFLOW'],
  ['99999999999999999999999', 'OVERFLOW', 'OVERFLOW', 'OVERFLOW'],
  ['-1', 'NEGATIVE', 'NEGATIVE', 'NEGATIVE'],
  ['−1', 'NEGATIVE', 'NEGATIVE', 'NEGATIVE'],
  // As our rejects have it, so that a spreadsheet takes it for no formula.
  ["'+1.000", 'AMBIGUOUS', 1, 1_000],
  ["'-1", 'NEGATIVE', 'NEGATIVE', 'NEGATIVE'],
  ["'1", 'INVALID', 'INVALID', 'INVALID'],
  ['', 'MISSING', 'MISSING', 'MISSING'],
  ['.', 'INVALID', 'INVALID', 'INVALID'],
  ['--1', 'INVALID', 'INVALID', 'INVALID'],
])('the quantity "%s" is read as %s, with a dot as %s, with a comma as %s', (text, none, dot, comma) => {
  expect([quantity(text), quantity(text, '.'), quantity(text, ',')]).toEqual([none, dot, comma]);
});

test.each([
  ['1e3', /exponent/],
  ['1E+3', /exponent/],
  ['0x10', /decimal digits/],
  ['$5', /currency/],
  ['5 €', /currency/],
  ['5%', /percentage/],
  ['(5)', /brackets/],
  ['5-', /minus stands after/],
  ['12,-', /dash for decimals/],
  ['1.299.–', /dash for decimals/],
  ['EUR 12', /stands before/],
  ['5 pcs', /unit follows/],
  ['1.000 Stk.', /unit follows/],
  ['٥', /digits 0 to 9/],
  ['５', /digits 0 to 9/],
  ['५०', /digits 0 to 9/],
  ['1_000', /digits 0 to 9/],
  ['1,5.0,3', /marks/],
  ['1,0x', /./],
  ['="5"', /write 5 without/],
  ['#N/A', /error of a spreadsheet/],
  ['NULL', /value that is not there/],
  ['- 5', /blank stands between/],
  ['5−', /minus stands after/],
  ['--5', /more than one sign/],
  ['5 # 3', /other characters/],
  ['9'.repeat(101), /more than 100 characters/],
])('the quantity "%s" is no number, and the reason says why', (text, why) => {
  const read = parseQuantity(text, { mode: 'set' });
  expect(read).toMatchObject({ code: 'QUANTITY_INVALID', reason: expect.stringMatching(why) as unknown });
});

test.each(['five', 'Infinity', '-', `${'9'.repeat(1_000)},0,0`])('nor is %s', (text) => {
  expect(quantity(text)).toBe('INVALID');
});

/** A number as the notation of a country writes it. */
function written(amount: number, group: string, decimals: string): string {
  return String(amount).replace(/\B(?=(\d{3})+$)/g, group) + decimals;
}

test('whatever a number is written as, it is read as itself or rejected where nothing was declared', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2_147_483_647 }),
      fc.constantFrom<[string, DecimalMark]>([',', '.'], ['.', ','], [' ', ','], ["'", '.']),
      fc.constantFrom('', '0', '00', '000', '0000'),
      (amount, [group, mark], zeros) => {
        const text = written(amount, group, zeros === '' ? '' : mark + zeros);
        expect(quantity(text, mark)).toBe(amount);
        expect([amount, 'AMBIGUOUS']).toContain(quantity(text));
      },
    ),
  );
});

test('a delta may be negative, as far as a counter goes', () => {
  expect(parseQuantity('-3', { mode: 'delta' })).toBe(-3);
  expect(parseQuantity('-1.000', { mode: 'delta', decimal: ',' })).toBe(-1_000);
  expect(parseQuantity('-2147483648', { mode: 'delta' })).toMatchObject({ code: 'QUANTITY_OVERFLOW' });
});

test.each([
  ['7', 7],
  ['-0', 0],
  ['1000.0', 1_000],
  ['1.000', 1],
  ['1e3', 1_000],
  ['1.5e1', 15],
  ['100', 100],
  ['0.0005E4', 5],
  ['0e999', 0],
  ['2147483647.000', 2_147_483_647],
  ['-3', 'QUANTITY_NEGATIVE'],
  ['0.5', 'QUANTITY_FRACTION'],
  ['1e-3', 'QUANTITY_FRACTION'],
  // JSON.parse makes 1 of both.
  ['1.0000000000000000001', 'QUANTITY_FRACTION'],
  ['0.99999999999999999999', 'QUANTITY_FRACTION'],
  ['2147483648', 'QUANTITY_OVERFLOW'],
  ['9007199254740993', 'QUANTITY_OVERFLOW'],
  ['1e400', 'QUANTITY_OVERFLOW'],
])('the JSON number %s is read as %s', (text, expected) => {
  const read = parseJsonNumber(text, 'set');
  expect(typeof read === 'number' ? read : read.code).toBe(expected);
});

test('columns are known by many names, whatever their case, spaces and hyphens; the own name wins', () => {
  expect(readHeader(['Item No.', 'Ware-house', 'QTY on hand', 'x'], fieldOf).columns).toEqual({
    sku: 0,
    location: 1,
    quantity: 2,
  });
  expect(readHeader(['product', 'Stock', 'Quantity', 'sku'], fieldOf)).toEqual({
    columns: { sku: 3, quantity: 2 },
    ambiguous: null,
  });
  expect(readHeader(['qty', 'stock'], fieldOf).ambiguous).toBe('quantity');
  expect(readHeader(['quantity', 'Quantity'], fieldOf).ambiguous).toBe('quantity');
});

test('a field that has its own name is found in whatever order its aliases stand', () => {
  for (const names of [
    ['item', 'product', 'sku'],
    ['item', 'sku', 'product'],
    ['sku', 'item', 'product'],
  ])
    expect(readHeader(names, fieldOf)).toEqual({ columns: { sku: names.indexOf('sku') }, ambiguous: null });
  expect(readHeader(['item', 'product'], fieldOf).ambiguous).toBe('sku');
  expect(readHeader(['sku', 'item', 'SKU'], fieldOf).ambiguous).toBe('sku');
});

test('a name of a column that is ignored is kept as text that can be stored', () => {
  const ignored = new Set<string>();
  noteIgnored(ignored, 'a\u0000b');
  noteIgnored(ignored, `${'x'.repeat(49)}😀`);
  noteIgnored(ignored, '');
  expect([...ignored]).toEqual(['a b', `${'x'.repeat(49)} `]);
});

test('the delimiter is the one that the header uses most outside of quotes, or that a line before it names', () => {
  expect(delimiterOf('sku;location;qty')).toBe(';');
  expect(delimiterOf('sku\tlocation, of it\tqty')).toBe('\t');
  expect(delimiterOf('"a;b;c",d')).toBe(',');
  expect(delimiterOf('sku')).toBe(',');
  expect(declaredDelimiter('sep=;')).toBe(';');
  expect(declaredDelimiter('"SEP=\t"')).toBe('\t');
  expect(declaredDelimiter('separator;sku')).toBeUndefined();
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
  [{ lot: 'x'.repeat(101) }, 'LOT_INVALID'],
  [{ lot: 'a\u0007' }, 'LOT_INVALID'],
  [{ lot: '\u200b\u00ad' }, 'LOT_INVALID'],
  [{ lot: '#REF!' }, 'VALUE_SPOILT'],
  [{ lot: '1,2E+05' }, 'VALUE_SPOILT'],
  [{ sku: '="0412"' }, 'VALUE_SPOILT'],
  // As our rejects have it
  [{ sku: '\'="0412"' }, 'VALUE_SPOILT'],
  [{ sku: '1.20E+05' }, 'VALUE_SPOILT'],
  [{ location: 'null' }, 'VALUE_SPOILT'],
  [{ quantity: undefined }, 'QUANTITY_MISSING'],
  [{ quantity: '1.000' }, 'QUANTITY_AMBIGUOUS'],
])('a row with %j is rejected: %s', (given, code) => {
  expect(checkRow({ ...GIVEN, ...given }, OPTIONS)).toMatchObject({ line: 2, code });
});

test('the reason of an ambiguous quantity says how to declare the mark', () => {
  expect(checkRow({ ...GIVEN, quantity: '1.000' }, OPTIONS)).toMatchObject({
    quantity: '1.000',
    reason: expect.stringContaining('decimal=') as unknown,
  });
});

test('a default location is taken where a row names none', () => {
  const row = checkRow({ ...GIVEN, location: undefined }, { mode: 'set', location: 'BER' });
  expect(row).toEqual({ line: 2, sku: 'A', location: 'BER', quantity: 1, reason: null, reference: null });
});

test('a file of rejects that is sent again does not say why its stock changes', () => {
  const names = ['line', 'sku', 'location', 'quantity', 'code', 'reason', 'lot'];
  expect(readFeedHeader(names).columns).toEqual({ sku: 1, location: 2, quantity: 3, lot: 6 });
  expect(readFeedHeader(names.slice(1)).columns).toMatchObject({ reason: 4 });
});

test('a file of rejects has what its rows said under names that are read again', () => {
  for (const isSet of [true, false]) {
    const names = rejectsHeader({ isSet, hasLots: true });
    const at = (name: string) => names.indexOf(name);
    expect(readFeedHeader(names)).toEqual({
      columns: {
        sku: at('sku'),
        location: at('location'),
        quantity: at(isSet ? 'quantity' : 'delta'),
        ...(isSet ? { asOf: at('asOf') } : {}),
        reference: at('reference'),
        reason: at('rowReason'),
        lot: at('lot'),
        expiresOn: at('expiresOn'),
      },
      ambiguous: null,
      code: at('code'),
    });
    // Also where its first column was deleted.
    expect(readFeedHeader(names.slice(1)).columns).toMatchObject({ reason: at('rowReason') - 1 });
  }
});

test('a row names a lot where it has one', () => {
  expect(checkRow({ ...GIVEN, lot: 'L-1' }, OPTIONS)).toMatchObject({ lot: 'L-1' });
  expect(checkRow({ ...GIVEN, lot: '' }, OPTIONS)).not.toHaveProperty('lot');
  expect(readHeader(['sku', 'Batch No.', 'qty'], fieldOf).columns).toEqual({ sku: 0, lot: 1, quantity: 2 });
});

test('every reason for which a row is rejected stands in the documents', () => {
  const page = readFileSync(join(__dirname, '..', '..', 'docs', 'feed-import.md'), 'utf8');
  expect(REJECT_CODES.filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
});
