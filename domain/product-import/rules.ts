import { isCurrency, MAX_PRICE, minorDigits } from '../catalog/currencies';
import { unclearCharacter } from '../catalog/sku-characters';
import type { FoundCategory, NewStoredProduct, StoredProduct } from '../catalog/types';
import type { JsonMember } from '../uploads/json-members';
import { readJsonNumber, readNumber } from '../uploads/number';
import { cleanText, composed, fieldsOf, isUnfit, UNREADABLE_REASONS } from '../uploads/rules';
import { spoiltReason } from '../uploads/spoilt';
import type { DecimalMark } from '../uploads/types';
import type {
  GivenFields,
  GivenPrice,
  ImportField,
  ImportReject,
  ImportRow,
  ProductMode,
  RejectCode,
} from './types';

const MAX_SKU = 100;
const MAX_NAME = 200;
const MAX_CATEGORY = 50;
const MAX_DESCRIPTION = 10_000;
/** Of a value in the rejects that is not a description. */
const MAX_GIVEN = 500;
/** Digits before the decimals that a number may have to be looked at: any price that fits has fewer. */
const MAX_DIGITS = 20;

/** Names of columns besides the fields' own. Not `product` or `item`: these are names in some files and SKUs in others. */
const ALIASES: Readonly<Record<ImportField, readonly string[]>> = {
  sku: [
    'productsku',
    'productcode',
    'itemsku',
    'itemcode',
    'itemnumber',
    'itemno',
    'articlenumber',
    'partnumber',
    'partno',
  ],
  name: ['productname', 'itemname', 'title'],
  description: ['productdescription', 'itemdescription'],
  category: ['categorycode', 'productcategory'],
  price: ['unitprice', 'listprice'],
  priceMinor: ['unitpriceminor'],
  currency: ['currencycode'],
  active: [],
  archived: [],
  tracking: ['trackedby'],
};

/** The field that a column's name means. */
export const fieldOf = fieldsOf(ALIASES);

/** Fields that say the same in two ways. */
const EITHER: readonly (readonly [ImportField, ImportField])[] = [
  ['price', 'priceMinor'],
  ['active', 'archived'],
];

/** The first of two fields among these that say the same in two ways; undefined: there are none. */
export function saidTwice(
  has: (field: ImportField) => boolean,
): readonly [ImportField, ImportField] | undefined {
  return EITHER.find(([one, other]) => has(one) && has(other));
}

const REASONS: Readonly<Record<RejectCode, string>> = {
  ...UNREADABLE_REASONS,
  SKU_MISSING: 'There is no SKU.',
  SKU_INVALID: `A SKU has at most ${MAX_SKU} characters and no control characters, and is neither "." nor "..".`,
  SKU_NOT_TEXT:
    'The SKU is not text. An identifier that is a number has lost its leading zeros: put it between quotes.',
  VALUE_MISSING: 'A value that every product has is empty.',
  VALUE_NOT_TEXT: 'A value is not text: put it between quotes.',
  NAME_INVALID: `A name has at most ${MAX_NAME} characters and no control characters.`,
  NAME_MISSING: 'The product is new and has no name.',
  DESCRIPTION_INVALID: `A description has at most ${MAX_DESCRIPTION} characters.`,
  CATEGORY_INVALID: `The code of a category has at most ${MAX_CATEGORY} characters and no control characters.`,
  PRICE_INVALID: 'The price is not a number.',
  PRICE_AMBIGUOUS:
    'The price can be read in two ways: its mark may stand before decimals or group thousands. Declare the decimal mark (decimal=. or decimal=, in the query, --decimal of the command), or write the number with two decimals and no groups.',
  PRICE_FRACTION: 'The price has more decimals than its currency.',
  PRICE_NEGATIVE: 'A price is not negative.',
  PRICE_OVERFLOW: `A price is at most ${MAX_PRICE} minor units.`,
  PRICE_MISSING: 'The product is new and has no price.',
  CURRENCY_INVALID: 'The currency is not a code of ISO 4217, in capitals.',
  CURRENCY_MISSING:
    'The product is new and has no currency: add a column, or say it for the upload (currency= in the query, --currency of the command).',
  CURRENCY_NEEDS_PRICE: 'The currency of the product changes: the row has to say the price in it.',
  ACTIVE_INVALID: 'The value is none of true, false, yes, no, 1 and 0.',
  TRACKING_INVALID: 'The tracking is none of none, lots, serials and lots+serials.',
  DUPLICATE_SKU:
    'Several rows of the upload have this SKU and say different things, or one of them is wrong.',
  SKU_APOSTROPHE:
    'No product has this SKU. Spreadsheets put an apostrophe before text: send the SKU without it.',
  SKU_CAPITALS: 'Several products have this SKU in other capitals, and none has it exactly so.',
  SKU_UNCLEAR: 'The product is new, and people could not tell its SKU from another one.',
  SKU_EXISTS: 'There is such a product, and it is not as the row says: the upload only adds.',
  UNKNOWN_SKU: 'There is no such product: the upload only changes.',
  UNKNOWN_CATEGORY: 'There is no such category, or several that differ in capitals only and none exactly so.',
  PRODUCT_HAS_STOCK: 'What the product keeps beside counts can be changed while there are no units of it.',
  ROW_FAILED: 'The row failed by an error on our side.',
};

export function reasonOf(code: RejectCode): string {
  return REASONS[code];
}

/** What stands in a field. Of CSV it is always text. */
export type Cell = Pick<JsonMember, 'kind' | 'text'>;

export interface GivenRow {
  line: number;
  cells: ReadonlyMap<ImportField, Cell>;
}

/** What cannot be kept in JSON in PostgreSQL. */
const UNKEPT = /[\0\p{Cs}]/gu;

/** A reject with what was given in its row. */
export function reject(code: RejectCode, { line, cells }: GivenRow, why?: string): ImportReject {
  const sku = cleanText(cells.get('sku')?.text, MAX_SKU);
  return { line, sku, given: givenOf(cells), code, reason: why ?? REASONS[code] };
}

function givenOf(cells: GivenRow['cells']): ImportReject['given'] {
  const given: ImportReject['given'] = {};
  for (const [field, { kind, text }] of cells) {
    // One more than may be: what is too long stays so when it is sent again.
    const max = field === 'description' ? MAX_DESCRIPTION + 1 : MAX_GIVEN;
    if (kind !== 'null') given[field] = text.slice(0, max).replace(UNKEPT, ' ');
  }
  return given;
}

export interface CellOptions {
  decimal?: DecimalMark | undefined;
  currency?: string | undefined;
  /** An empty field says that the product has no such value; else it says nothing. */
  clears: boolean;
}

/** What a field says, or what is wrong with it. */
type Said = GivenFields | { code: RejectCode; reason?: string };

/** Fields that name something. */
const NAMING = ['sku', 'name', 'category'] as const satisfies readonly ImportField[];

/** Checks a row field by field; the first thing that is wrong is what it is rejected for. */
export function checkRow(row: GivenRow, options: CellOptions): ImportRow | ImportReject {
  const { line, cells } = row;
  const sku = cells.get('sku');
  const name = composed(sku?.text);
  if (!sku || !name || sku.kind === 'null') return reject('SKU_MISSING', row);
  if (sku.kind !== 'text') return reject('SKU_NOT_TEXT', row);
  if (isUnfit(name, MAX_SKU) || name === '.' || name === '..') return reject('SKU_INVALID', row);
  for (const field of NAMING) {
    const cell = cells.get(field);
    const spoilt = cell?.kind === 'text' ? spoiltReason(cell.text, field === 'sku' ? 'SKU' : field) : null;
    if (spoilt !== null) return reject('VALUE_SPOILT', row, spoilt);
  }
  const fields: GivenFields = {};
  for (const [field, cell] of cells) {
    if (field === 'sku') continue;
    const isEmpty = cell.kind === 'null' || cell.text === '';
    if (isEmpty && !options.clears) continue;
    const said = isEmpty ? cleared(field) : READ[field](cell, options);
    if ('code' in said) return reject(said.code, row, said.reason);
    Object.assign(fields, said);
  }
  if (fields.price && fields.currency === undefined && options.currency !== undefined)
    fields.currency = options.currency;
  return { line, sku: name, given: givenOf(cells), fields };
}

function cleared(field: ImportField): Said {
  if (field === 'description') return { description: '' };
  if (field === 'category') return { category: null };
  return { code: 'VALUE_MISSING', reason: `The ${field} is empty, and every product has one.` };
}

/** A field that is not empty. */
const READ: Readonly<Record<Exclude<ImportField, 'sku'>, (cell: Cell, options: CellOptions) => Said>> = {
  name: (cell) =>
    textOf(cell, 'name', (name) => (isUnfit(name, MAX_NAME) ? { code: 'NAME_INVALID' } : { name })),
  description: (cell) =>
    textOf(cell, 'description', (description) =>
      description.length > MAX_DESCRIPTION || /[\0\p{Cs}]/u.test(description)
        ? { code: 'DESCRIPTION_INVALID' }
        : { description },
    ),
  category: (cell) =>
    textOf(cell, 'category', (given) => {
      const category = composed(given) ?? given;
      return isUnfit(category, MAX_CATEGORY) ? { code: 'CATEGORY_INVALID' } : { category };
    }),
  price: (cell, { decimal }) => readPrice(cell, 'major', decimal),
  priceMinor: (cell, { decimal }) => readPrice(cell, 'minor', decimal),
  currency: (cell) =>
    textOf(cell, 'currency', (currency) =>
      isCurrency(currency) ? { currency } : { code: 'CURRENCY_INVALID' },
    ),
  active: (cell) => readActive(cell, true),
  archived: (cell) => readActive(cell, false),
  tracking: (cell) =>
    textOf(cell, 'tracking', (given) => {
      const tracking = TRACKINGS[given.toLowerCase().replace(/\s+/g, '')];
      return tracking ? { tracking } : { code: 'TRACKING_INVALID' };
    }),
};

function textOf({ kind, text }: Cell, field: ImportField, read: (text: string) => Said): Said {
  if (kind === 'text') return read(text);
  return { code: 'VALUE_NOT_TEXT', reason: `The ${field} is not text: put it between quotes.` };
}

const TRACKINGS: Readonly<Record<string, { lots: boolean; serials: boolean }>> = {
  none: { lots: false, serials: false },
  lots: { lots: true, serials: false },
  serials: { lots: false, serials: true },
  'lots+serials': { lots: true, serials: true },
};

const YES = new Set(['true', 'yes', '1']);
const NO = new Set(['false', 'no', '0']);

function readActive({ text }: Cell, ifYes: boolean): Said {
  const word = text.toLowerCase();
  if (!YES.has(word) && !NO.has(word)) return { code: 'ACTIVE_INVALID' };
  return { active: YES.has(word) === ifYes };
}

const PRICE_WORDS = {
  what: 'price',
  alone: 'write the number alone, and its currency in a column of its own',
};

function readPrice({ kind, text }: Cell, unit: GivenPrice['unit'], decimal: DecimalMark | undefined): Said {
  if (kind === 'other') return { code: 'PRICE_INVALID' };
  const written =
    kind === 'number' ? readJsonNumber(text, MAX_DIGITS) : readNumber(text, decimal, PRICE_WORDS);
  if (written === null) return { code: 'PRICE_OVERFLOW' };
  if ('code' in written) return { ...written, code: `PRICE_${written.code}` };
  const { whole, isNegative } = written;
  const decimals = written.decimals.replace(/0+$/, '');
  if (isNegative && /[1-9]/.test(whole + decimals)) return { code: 'PRICE_NEGATIVE' };
  if (unit === 'minor' && decimals !== '')
    return { code: 'PRICE_FRACTION', reason: 'A price in minor units is a whole number.' };
  return { price: { unit, whole, decimals } };
}

/** What is to be done with a row. */
export type Decision =
  | { is: 'rejected'; code: RejectCode; reason?: string }
  | { is: 'unchanged' }
  | { is: 'added'; product: NewStoredProduct }
  | {
      is: 'changed';
      product: NewStoredProduct;
      /** What clients see of the product changes. */
      changesShown: boolean;
      changesCategory: boolean;
      /** What it keeps beside counts changes. */
      changesTracking: boolean;
    };

export interface Known {
  /** Null: there is none. */
  product: StoredProduct | null;
  /** Products that have the SKU but for capitals, where none is meant. */
  alike: number;
  categoryOf: (code: string) => FoundCategory | undefined;
}

/** What becomes of a row, given what there is. Whether tracking may change is not looked at. */
export function decide(
  { sku, fields }: Pick<ImportRow, 'sku' | 'fields'>,
  { product, alike, categoryOf }: Known,
  mode: ProductMode,
): Decision {
  if (!product && sku.startsWith("'")) return { is: 'rejected', code: 'SKU_APOSTROPHE' };
  if (!product && alike > 0) return { is: 'rejected', code: 'SKU_CAPITALS' };
  if (!product && mode === 'update') return { is: 'rejected', code: 'UNKNOWN_SKU' };
  const unclear = product ? null : unclearCharacter(sku);
  if (unclear) return { is: 'rejected', code: 'SKU_UNCLEAR', reason: unclear.reason };
  const name = fields.name ?? product?.name;
  if (name === undefined) return { is: 'rejected', code: 'NAME_MISSING' };
  const currency = fields.currency ?? product?.currency;
  if (currency === undefined)
    return { is: 'rejected', code: fields.price ? 'CURRENCY_MISSING' : 'PRICE_MISSING' };
  if (!fields.price && product && currency !== product.currency)
    return { is: 'rejected', code: 'CURRENCY_NEEDS_PRICE' };
  const priceMinor = fields.price ? minorUnits(fields.price, currency) : product?.priceMinor;
  if (priceMinor === undefined) return { is: 'rejected', code: 'PRICE_MISSING' };
  if (typeof priceMinor === 'string') return { is: 'rejected', code: priceMinor };
  const code = fields.category === undefined ? (product?.category ?? null) : fields.category;
  const category = code === null ? null : categoryOf(code);
  if (category === undefined) return { is: 'rejected', code: 'UNKNOWN_CATEGORY' };
  if (category?.archived && category.code !== product?.category)
    return { is: 'rejected', code: 'UNKNOWN_CATEGORY', reason: 'The category is archived.' };
  const decided: NewStoredProduct = {
    sku: product?.sku ?? sku,
    name,
    description: fields.description ?? product?.description ?? '',
    categoryId: category?.id ?? null,
    priceMinor,
    currency,
    active: fields.active ?? product?.active ?? true,
    lots: fields.tracking?.lots ?? product?.lots ?? false,
    serials: fields.tracking?.serials ?? product?.serials ?? false,
  };
  if (!product) return { is: 'added', product: decided };
  const changesCategory = (category?.code ?? null) !== product.category;
  const changesShown = changesCategory || SHOWN.some((field) => decided[field] !== product[field]);
  const changesTracking = decided.lots !== product.lots || decided.serials !== product.serials;
  if (!changesShown && !changesTracking) return { is: 'unchanged' };
  if (mode === 'create') return { is: 'rejected', code: 'SKU_EXISTS' };
  return { is: 'changed', product: decided, changesShown, changesCategory, changesTracking };
}

const SHOWN = ['name', 'description', 'priceMinor', 'currency', 'active'] as const;

/** A price in minor units of its currency, or what is wrong with it. */
function minorUnits({ unit, whole, decimals }: GivenPrice, currency: string): number | RejectCode {
  const digits = unit === 'minor' ? 0 : minorDigits(currency);
  if (decimals.length > digits) return 'PRICE_FRACTION';
  const amount = Number(whole + decimals.padEnd(digits, '0'));
  return amount > MAX_PRICE ? 'PRICE_OVERFLOW' : amount;
}
