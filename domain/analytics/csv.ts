import { csvLines, Numeral, type CsvValue } from '../../platform/csv';
import type { Exact } from '../../platform/exact';
import { majorUnits, minorDigits } from '../catalog/currencies';
import type { AnalyticsGroup, InventoryAnalytics } from './groups';
import type { ProductAnalytics } from './product';
import type { Stockouts } from './stockouts';

const GROUP_COLUMNS = [
  ...[
    'by',
    'key',
    'sold',
    'received',
    'returned',
    'adjusted',
    'transferred',
    'ordered',
    'short',
    'opening',
    'closing',
    'average',
  ],
  ...['turnover', 'turnover_annual', 'days_of_cover', 'sell_through', 'fill_rate', 'share', 'growth'],
  ...[
    'currency',
    'priced_units',
    'revenue',
    'returned_value',
    'costed_units',
    'cost',
    'margin',
    'margin_rate',
    'revenue_share',
    'revenue_growth',
  ],
];

/**
 * Groups as CSV (RFC 4180): a line with the units of the total and of each group, and one for each of its currencies. Amounts are in major
 * units with all digits of their currency. What a line does not have is empty.
 */
export function groupsCsv({ groupBy, totals, items }: InventoryAnalytics): string {
  return csvLines([
    GROUP_COLUMNS,
    ...linesOf('total', { key: null, ...totals }),
    ...items.flatMap((group) => linesOf(groupBy, group)),
  ]);
}

function linesOf(by: string, group: AnalyticsGroup): CsvValue[][] {
  const { key, units } = group;
  const counts: CsvValue[] = [
    ...[
      units.sold,
      units.received,
      units.returned,
      units.adjusted,
      units.transferred,
      units.ordered,
      units.short,
    ],
    ...[units.opening, units.closing, units.average],
    ...[
      group.turnover,
      group.turnoverAnnual,
      group.daysOfCover,
      group.sellThrough,
      group.fillRate,
      group.share,
      group.growth,
    ],
  ];
  const values = group.values.map((value): CsvValue[] => [
    value.currency,
    value.pricedUnits,
    amount(value.revenueMinor, value.currency),
    amount(value.returnedMinor, value.currency),
    value.costedUnits,
    amount(value.costMinor, value.currency),
    value.marginMinor === null ? null : amount(value.marginMinor, value.currency),
    value.marginRate,
    value.share,
    value.growth,
  ]);
  return [[by, key, ...counts], ...values.map((value) => [by, key, ...counts.map(() => null), ...value])].map(
    padded,
  );
}

function padded(line: readonly CsvValue[]): CsvValue[] {
  return GROUP_COLUMNS.map((_, place) => line[place] ?? null);
}

const DAY_COLUMNS = [
  ...[
    'day',
    'sold',
    'received',
    'returned',
    'adjusted',
    'transferred',
    'ordered',
    'short',
    'on_hand',
    'available',
    'average_7',
    'average_28',
  ],
  ...['currency', 'priced_units', 'revenue', 'returned_value', 'costed_units', 'cost'],
];

/** Days of a product as CSV: a line with the units of each day, and one for each currency. */
export function productCsv({ days }: ProductAnalytics): string {
  const blank = Array.from({ length: 11 }, () => null);
  return csvLines([
    DAY_COLUMNS,
    ...days.flatMap((day): CsvValue[][] => [
      [
        ...[
          day.day,
          day.sold,
          day.received,
          day.returned,
          day.adjusted,
          day.transferred,
          day.ordered,
          day.short,
        ],
        ...[day.onHand, day.available, day.average7, day.average28],
        ...[null, null, null, null, null, null],
      ],
      ...day.values.map((value): CsvValue[] => [
        day.day,
        ...blank,
        value.currency,
        value.pricedUnits,
        amount(value.revenueMinor, value.currency),
        amount(value.returnedMinor, value.currency),
        value.costedUnits,
        amount(value.costMinor, value.currency),
      ]),
    ]),
  ]);
}

/** Places that were sold out as CSV. */
export function stockoutsCsv({ items }: Stockouts): string {
  return csvLines([
    ['sku', 'warehouse', 'days', 'since'],
    ...items.map(({ sku, warehouse, days, since }) => [sku, warehouse, days, since]),
  ]);
}

function amount(minor: Exact, currency: string): Numeral {
  return new Numeral(majorUnits(BigInt(minor), minorDigits(currency)));
}
