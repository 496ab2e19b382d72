import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StoredProduct } from '../../domain/catalog/types';
import { createRowReader } from '../../domain/product-import/read-rows';
import { decide, reject } from '../../domain/product-import/rules';
import {
  REJECT_CODES,
  type ImportOptions,
  type ImportReject,
  type ImportRow,
} from '../../domain/product-import/types';
import { csvLine, withoutEscape } from '../../platform/csv';

const OPTIONS: ImportOptions = { mode: 'upsert', format: 'csv', empty: 'leave' };

async function read(
  text: string,
  options: Partial<ImportOptions> = {},
): Promise<(ImportRow | ImportReject)[]> {
  const rows: (ImportRow | ImportReject)[] = [];
  for await (const some of createRowReader({ ...OPTIONS, ...options }).read(bytes(text))) rows.push(...some);
  return rows;
}

async function* bytes(text: string): AsyncGenerator<Buffer> {
  await Promise.resolve();
  yield Buffer.from(text);
}

async function one(text: string, options?: Partial<ImportOptions>): Promise<ImportRow | ImportReject> {
  const [row] = await read(text, options);
  return row!;
}

const known = { product: null, alike: 0, categoryOf: () => undefined };
const LAMP: StoredProduct = {
  id: 7,
  sku: 'LAMP',
  name: 'Lamp',
  description: 'It shines',
  category: null,
  priceMinor: 1250,
  currency: 'EUR',
  active: true,
  lots: false,
  serials: false,
};

/** The price of a new product in minor units, or why its row is rejected. */
async function price(text: string, currency: string, options: Partial<ImportOptions> = {}) {
  const row = await one(`sku;name;price;currency\nLAMP;Lamp;${text};${currency}`, options);
  if ('code' in row) return row.code;
  const decision = decide(row, known, 'upsert');
  if (decision.is === 'rejected') return decision.code;
  return decision.is === 'added' ? decision.product.priceMinor : decision.is;
}

// What each notation means where nothing is declared, a dot stands before decimals, and a comma.
test.each([
  ['12', 1200, 1200, 1200],
  ['12.5', 1250, 1250, 'PRICE_INVALID'],
  ['12,50', 1250, 'PRICE_INVALID', 1250],
  ['1.000', 'PRICE_AMBIGUOUS', 100, 100_000],
  ['1,000', 'PRICE_AMBIGUOUS', 100_000, 100],
  ['1.250,00', 125_000, 'PRICE_INVALID', 125_000],
  ['1,250.00', 125_000, 125_000, 'PRICE_INVALID'],
  ['1 250,5', 125_050, 'PRICE_INVALID', 125_050],
  ['0,500', 50, 'PRICE_INVALID', 50],
  ['12.505', 'PRICE_AMBIGUOUS', 'PRICE_FRACTION', 1_250_500],
  ['12.5055', 'PRICE_FRACTION', 'PRICE_FRACTION', 'PRICE_INVALID'],
  ['0', 0, 0, 0],
  ['-1', 'PRICE_NEGATIVE', 'PRICE_NEGATIVE', 'PRICE_NEGATIVE'],
  ['99999999999', 'PRICE_OVERFLOW', 'PRICE_OVERFLOW', 'PRICE_OVERFLOW'],
  ['€ 12', 'PRICE_INVALID', 'PRICE_INVALID', 'PRICE_INVALID'],
  ['12 EUR', 'PRICE_INVALID', 'PRICE_INVALID', 'PRICE_INVALID'],
  ['1e3', 'PRICE_INVALID', 'PRICE_INVALID', 'PRICE_INVALID'],
])('the price %s', async (text, nothing, dot, comma) => {
  expect([
    await price(text, 'EUR'),
    await price(text, 'EUR', { decimal: '.' }),
    await price(text, 'EUR', { decimal: ',' }),
  ]).toEqual([nothing, dot, comma]);
});

test('a price has the decimals of its currency', async () => {
  expect(await price('1250', 'JPY')).toBe(1250);
  expect(await price('1250,00', 'JPY')).toBe(1250);
  expect(await price('12,5', 'JPY')).toBe('PRICE_FRACTION');
  expect(await price('12,125', 'KWD', { decimal: ',' })).toBe(12_125);
  // By ISO 4217, not by what is in use.
  expect(await price('12,5', 'IQD')).toBe(12_500);
});

test.each([
  ['sku,price,\nLAMP,12,50\n', 'COLUMN_COUNT'],
  ['sku,price,\nLAMP,1,249.00\n', 'COLUMN_COUNT'],
  ['sku,price,min\nLAMP,12,50,\n', 'COLUMN_COUNT'],
  ['sku;price;\nLAMP;12,50;\n', undefined],
])('a price that a comma may have cut is not believed: %j', async (text, code) => {
  const row = await one(text);
  expect('code' in row ? row.code : undefined).toBe(code);
});

test('a description that is too long stays so in the rejects', () => {
  const text = 'x'.repeat(10_400);
  const row = reject('DESCRIPTION_INVALID', {
    line: 2,
    cells: new Map([['description', { kind: 'text', text }]]),
  });
  expect(row.given.description?.length).toBeGreaterThan(10_000);
});

test('a price in minor units is a whole number', async () => {
  const minor = async (text: string) => {
    const row = await one(`sku;priceMinor\nLAMP;${text}`);
    return 'code' in row ? row.code : row.fields.price;
  };
  expect(await minor('1250')).toEqual({ unit: 'minor', whole: '1250', decimals: '' });
  expect(await minor('1.250')).toBe('PRICE_AMBIGUOUS');
  expect(await minor('12,5')).toBe('PRICE_FRACTION');
});

test('a JSON number is taken as it is', async () => {
  const said = async (json: string) => {
    const row = await one(`{"sku":"LAMP",${json}}`, { format: 'ndjson' });
    return 'code' in row ? row.code : row.fields.price;
  };
  expect(await said('"price":1.000')).toEqual({ unit: 'major', whole: '1', decimals: '' });
  expect(await said('"price":12.50')).toEqual({ unit: 'major', whole: '12', decimals: '5' });
  expect(await said('"price":125e-1')).toEqual({ unit: 'major', whole: '12', decimals: '5' });
  expect(await said('"price":0.1e-2')).toEqual({ unit: 'major', whole: '0', decimals: '001' });
  expect(await said('"price":"1.000"')).toBe('PRICE_AMBIGUOUS');
  expect(await said('"priceMinor":1250.5')).toBe('PRICE_FRACTION');
  expect(await said('"price":true')).toBe('PRICE_INVALID');
  expect(await said('"price":1e400')).toBe('PRICE_OVERFLOW');
  expect(await said('"price":1,"priceMinor":100')).toBe('MEMBER_DUPLICATE');
});

test('an empty field of CSV leaves the value, or clears what may be empty', async () => {
  const text = 'sku,name,description,category\nLAMP,Lamp,,';
  expect(await one(text)).toMatchObject({ fields: { name: 'Lamp' } });
  expect(await one(text, { empty: 'clear' })).toMatchObject({
    fields: { name: 'Lamp', description: '', category: null },
  });
  for (const column of ['name', 'price', 'priceMinor', 'currency', 'active', 'archived', 'tracking']) {
    expect(await one(`sku,${column},description\nLAMP,,x`)).toMatchObject({ fields: { description: 'x' } });
    expect(await one(`sku,${column},description\nLAMP,,x`, { empty: 'clear' })).toMatchObject({
      code: 'VALUE_MISSING',
      reason: expect.stringContaining(column) as string,
    });
  }
});

test('in JSON lines null and an empty text clear, and what is absent stays', async () => {
  const json = (line: string) => one(line, { format: 'ndjson' });
  expect(await json('{"sku":"LAMP","description":null,"category":""}')).toMatchObject({
    fields: { description: '', category: null },
  });
  expect(await json('{"sku":"LAMP"}')).toMatchObject({ fields: {} });
  expect(await json('{"sku":"LAMP","price":null}')).toMatchObject({ code: 'VALUE_MISSING' });
});

test.each([
  ['sku,name\n,Lamp', 'SKU_MISSING'],
  [`sku,name\n${'x'.repeat(101)},Lamp`, 'SKU_INVALID'],
  ['sku,name\n..,Lamp', 'SKU_INVALID'],
  [`sku,name\nLAMP,${'x'.repeat(201)}`, 'NAME_INVALID'],
  [`sku,description\nLAMP,${'x'.repeat(10_001)}`, 'DESCRIPTION_INVALID'],
  [`sku,category\nLAMP,${'x'.repeat(51)}`, 'CATEGORY_INVALID'],
  ['sku,currency\nLAMP,eur', 'CURRENCY_INVALID'],
  ['sku,active\nLAMP,perhaps', 'ACTIVE_INVALID'],
  ['sku,tracking\nLAMP,weights', 'TRACKING_INVALID'],
  ['sku,name\nLAMP,Lamp,extra', 'COLUMN_COUNT'],
  ['sku,name\nLAMP,"La"mp"', 'QUOTE_BROKEN'],
  ['sku,name\nLAMP,"Lamp', 'QUOTE_UNCLOSED'],
])('a row of %j is rejected', async (text, code) => {
  expect(await one(text)).toMatchObject({ code });
});

test.each([
  ['{"sku":7,"name":"Lamp"}', 'SKU_NOT_TEXT'],
  ['{"sku":"LAMP","name":7}', 'VALUE_NOT_TEXT'],
  ['{"sku":"LAMP","category":{}}', 'VALUE_NOT_TEXT'],
  ['{"sku":"LAMP","sku":"DESK"}', 'MEMBER_DUPLICATE'],
  ['{"sku":"LAMP","active":true,"archived":true}', 'MEMBER_DUPLICATE'],
  ['not json', 'JSON_INVALID'],
])('the line %s is rejected', async (text, code) => {
  expect(await read(`{"sku":"A"}\n${text}`, { format: 'ndjson' })).toMatchObject([{ sku: 'A' }, { code }]);
});

test.each([
  ['', 'FEED_EMPTY'],
  ['name,price\nLamp,1', 'FEED_COLUMN_MISSING'],
  ['sku,product name,title\nA,B,C', 'FEED_COLUMN_AMBIGUOUS'],
  ['sku,price,priceMinor\nA,1,100', 'FEED_COLUMN_AMBIGUOUS'],
  ['sku,active,archived\nA,1,0', 'FEED_COLUMN_AMBIGUOUS'],
  ['"sku,name\nA,B', 'FEED_HEADER_INVALID'],
])('an upload of %j is refused as a whole', async (text, code) => {
  await expect(read(text)).rejects.toMatchObject({ code });
});

test('columns that mean nothing are told', async () => {
  const reader = createRowReader(OPTIONS);
  for await (const rows of reader.read(bytes('SKU;Name;Unit cost;Colour\nA;B;1;red')))
    expect(rows).toHaveLength(1);
  expect([...reader.seen.known]).toEqual(['sku', 'name']);
  expect([...reader.seen.ignored]).toEqual(['Unit cost', 'Colour']);
});

test('a text of several lines is kept; what is written as text in a file of rejects is read as it was', async () => {
  expect(await one('sku,description\nLAMP,"two\nlines"')).toMatchObject({
    fields: { description: 'two\nlines' },
  });
  for (const name of ['-5% mug', '=1+1', '@home', '+1', 'plain', "it's"]) {
    expect(withoutEscape(csvLine([name]).trim())).toBe(name);
    expect(await one(`sku,name\nLAMP,${csvLine([name])}`)).toMatchObject({ fields: { name } });
  }
});

describe('a row', () => {
  const lights = { id: 3, code: 'lights', archived: false };
  const old = { id: 4, code: 'old', archived: true };
  const categoryOf = (code: string) => [lights, old].find((category) => category.code === code);
  const there = { product: LAMP, alike: 0, categoryOf };
  const row = (fields: ImportRow['fields'], sku = 'LAMP') => ({ sku, fields });
  const major = (whole: string, decimals = '') => ({ unit: 'major', whole, decimals }) as const;

  it('that says what is so already changes nothing, in every mode', () => {
    const fields = { name: 'Lamp', price: major('12', '5'), currency: 'EUR', category: null };
    for (const mode of ['upsert', 'create', 'update'] as const)
      expect(decide(row(fields), there, mode)).toEqual({ is: 'unchanged' });
  });

  it('leaves what it does not say', () => {
    expect(decide(row({ category: 'lights' }), there, 'upsert')).toMatchObject({
      is: 'changed',
      changesShown: true,
      changesTracking: false,
      product: { name: 'Lamp', description: 'It shines', categoryId: 3, priceMinor: 1250 },
    });
    expect(decide(row({ tracking: { lots: true, serials: false } }), there, 'upsert')).toMatchObject({
      is: 'changed',
      changesShown: false,
      changesTracking: true,
    });
  });

  it('is rejected where it cannot be what is meant', () => {
    const nobody = { product: null, alike: 0, categoryOf };
    const refusals: [
      ReturnType<typeof row>,
      typeof there | typeof nobody,
      'upsert' | 'create' | 'update',
      string,
    ][] = [
      [row({ name: 'Lamp', price: major('1') }), nobody, 'upsert', 'CURRENCY_MISSING'],
      [row({ name: 'Lamp', currency: 'EUR' }), nobody, 'upsert', 'PRICE_MISSING'],
      [row({ name: 'Lamp' }), nobody, 'upsert', 'PRICE_MISSING'],
      [row({ price: major('1'), currency: 'EUR' }), nobody, 'upsert', 'NAME_MISSING'],
      [row({ name: 'Lamp' }), nobody, 'update', 'UNKNOWN_SKU'],
      [row({ name: 'Lamp' }), { ...nobody, alike: 2 }, 'upsert', 'SKU_CAPITALS'],
      [{ ...row({ name: 'Lamp' }), sku: "'00123" }, nobody, 'upsert', 'SKU_APOSTROPHE'],
      [{ ...row({ name: 'Lamp' }), sku: 'L\u0410MP' }, nobody, 'upsert', 'SKU_UNCLEAR'],
      [row({ name: 'Other' }), there, 'create', 'SKU_EXISTS'],
      [row({ currency: 'USD' }), there, 'upsert', 'CURRENCY_NEEDS_PRICE'],
      [row({ category: 'nothing' }), there, 'upsert', 'UNKNOWN_CATEGORY'],
      [row({ category: 'old' }), there, 'upsert', 'UNKNOWN_CATEGORY'],
      [row({ price: major('1', '255') }), there, 'upsert', 'PRICE_FRACTION'],
    ];
    for (const [given, what, mode, code] of refusals)
      expect(decide(given, what, mode)).toMatchObject({ is: 'rejected', code });
  });

  it('may leave a product in a category that is archived', () => {
    const product = { ...LAMP, category: 'old' };
    expect(decide(row({ name: 'Other' }), { ...there, product }, 'upsert')).toMatchObject({
      is: 'changed',
      product: { categoryId: 4 },
    });
  });
});

test('every reason for which a row is rejected stands in the documents', () => {
  const page = readFileSync(join(__dirname, '..', '..', 'docs', 'product-import.md'), 'utf8');
  expect(REJECT_CODES.filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
});
