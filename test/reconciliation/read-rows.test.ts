import { readStatement } from '../../domain/reconciliation/read-rows';
import type { StatementFormat, StatementMode, StatementReject, StatementRow } from '../../domain/reconciliation/types';

async function* bytes(text: string): AsyncGenerator<Buffer> {
  await Promise.resolve();
  yield Buffer.from(text);
}

async function rowsOf(
  text: string,
  options: Partial<StatementFormat> & { mode?: StatementMode } = {},
): Promise<(StatementRow | StatementReject)[]> {
  const rows: (StatementRow | StatementReject)[] = [];
  const format = { mode: 'gateway', format: 'csv', decimal: '.', ...options } as const;
  for await (const some of readStatement(bytes(text), format)) rows.push(...some);
  return rows;
}

const HEADER =
  'created_utc,created,currency,gross,fee,net,reporting_category,source_id,payment_intent_id,automatic_payout_id';
const rowOf = async (line: string) => (await rowsOf(`${HEADER}\n${line}\n`))[0];

test('a report of Stripe is read as it is exported', async () => {
  expect(
    await rowOf('2026-06-30 23:59:59,2026-07-01 01:59:59,eur,"1,234.50",30.11,1204.39,charge,ch_1,pi_1,po_1'),
  ).toEqual({
    line: 2,
    kind: 'capture',
    ref: 'pi_1',
    minor: 123_450n,
    feeMinor: 3_011n,
    netMinor: 120_439n,
    currency: 'EUR',
    day: '2026-06-30',
    groupRef: 'po_1',
  });
});

test('balance transactions of its API are read as JSON lines, in minor units', async () => {
  const given = {
    id: 'txn_1',
    type: 'refund',
    source: 're_1',
    amount: -500,
    fee: 0,
    net: -500,
    currency: 'jpy',
    created: 1_782_864_000,
  };
  expect(await rowsOf(`${JSON.stringify(given)}\n`, { format: 'ndjson' })).toMatchObject([
    { kind: 'refund', ref: 're_1', minor: -500n, currency: 'JPY', day: '2026-07-01', netMinor: -500n },
  ]);
});

test.each([
  ['charge', '1.00', 'capture'],
  ['payment', '1.00', 'capture'],
  ['partial_capture_reversal', '-1.00', 'capture'],
  ['refund', '-1.00', 'refund'],
  ['refund_failure', '1.00', 'refund_failed'],
  ['dispute', '-1.00', 'dispute'],
  ['dispute_reversal', '1.00', 'dispute_reversed'],
  ['adjustment', '-1.00', 'dispute'],
  ['adjustment', '1.00', 'dispute_reversed'],
  ['payout', '-1.00', 'payout'],
  ['fee', '-1.00', 'cost'],
  ['topup', '1.00', 'other'],
])('%s of %s is %s', async (category, amount, kind) => {
  expect(await rowOf(`2026-06-30,,usd,${amount},0,${amount},${category},x_1,,`)).toMatchObject({ kind });
});

test.each([
  ['2026-06-30,,usd,,0,0,charge,ch_1,,', 'AMOUNT_MISSING'],
  ['2026-06-30,,usd,n/a,0,0,charge,ch_1,,', 'AMOUNT_INVALID'],
  ['2026-06-30,,usd,1.005,0,0,charge,ch_1,,', 'AMOUNT_TOO_PRECISE'],
  ['2026-06-30,,jpy,1.5,0,0,charge,ch_1,,', 'AMOUNT_TOO_PRECISE'],
  ['2026-06-30,,usd,99999999999999.00,0,0,charge,ch_1,,', 'AMOUNT_TOO_LARGE'],
  ['2026-06-30,,,1.00,0,0,charge,ch_1,,', 'CURRENCY_MISSING'],
  ['2026-06-30,,dollar,1.00,0,0,charge,ch_1,,', 'CURRENCY_UNKNOWN'],
  [',,usd,1.00,0,0,charge,ch_1,,', 'DATE_MISSING'],
  ['2026-06-31,,usd,1.00,0,0,charge,ch_1,,', 'DATE_INVALID'],
  ['30.06.2026,,usd,1.00,0,0,charge,ch_1,,', 'DATE_INVALID'],
  ['0000-01-01,,usd,1.00,0,0,charge,ch_1,,', 'DATE_INVALID'],
  ['9999-12-31T23:30:00-01:00,,usd,1.00,0,0,charge,ch_1,,', 'DATE_INVALID'],
  ['2026-06-30,,usd,1.00,0,0,,ch_1,,', 'KIND_MISSING'],
  [`2026-06-30,,usd,1.00,0,0,charge,${'x'.repeat(256)},,`, 'REFERENCE_INVALID'],
  ['2026-06-30,,usd,1.00,0,0,charge,ch_1,,,more', 'COLUMN_COUNT'],
  ['2026-06-30,,usd,1.00,0,0,charge,"ch"1,,', 'QUOTE_UNCLOSED'],
])('%s is %s, which says why', async (line, code) => {
  expect(await rowOf(line)).toMatchObject({ line: 2, code, reason: expect.any(String) as string });
});

test('what an amount is in follows from its currency', async () => {
  for (const [currency, minor] of [
    ['usd', 1_200n],
    ['jpy', 12n],
    ['kwd', 12_000n],
  ])
    expect(await rowOf(`2026-06-30,,${String(currency)},12,0,12,charge,ch_1,,`)).toMatchObject({ minor });
});

test('a bank’s statement has a reference, an amount and a date', async () => {
  const text =
    'Booking date;Reference;Amount;Text\n2026-07-02;po_1;1.234,50;STRIPE\n2026-07-03;;-7,00;RENT\n';
  expect(await rowsOf(text, { mode: 'bank', decimal: ',', currency: 'EUR' })).toMatchObject([
    { kind: 'payout', ref: 'po_1', minor: 123_450n, currency: 'EUR', day: '2026-07-02' },
    { kind: 'payout', ref: null, minor: -700n },
  ]);
});

test.each([
  ['', 'FEED_EMPTY'],
  ['source_id,currency\nch_1,usd\n', 'FEED_COLUMN_MISSING'],
  ['type,source_id,gross,gross,currency,date\n', 'FEED_COLUMN_AMBIGUOUS'],
])('the file %j is refused', async (text, code) => {
  await expect(rowsOf(text)).rejects.toMatchObject({ code });
});
