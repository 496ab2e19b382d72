import { readStatement } from '../../domain/reconciliation/read-rows';
import type {
  StatementFormat,
  StatementMode,
  StatementReject,
  StatementRow,
} from '../../domain/reconciliation/types';

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
  ['payout', '-1.00', 'payout'],
  ['payout_reversal', '1.00', 'payout'],
  ['charge_failure', '-1.00', 'capture'],
  ['payment_refund', '-1.00', 'refund'],
  ['other_adjustment', '-1.00', 'other'],
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
  ['31.06.2026,,usd,1.00,0,0,charge,ch_1,,', 'DATE_INVALID'],
  ['06/05/2026,,usd,1.00,0,0,charge,ch_1,,', 'DATE_AMBIGUOUS'],
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

test.each([
  ['dp_1', '-1.00', 'dispute'],
  ['du_1', '1.00', 'dispute_reversed'],
  ['re_1', '1.00', 'refund_failed'],
  ['pyr_1', '1.00', 'refund_failed'],
  ['', '-1.00', 'other'],
])('an adjustment of %j by %s is %s', async (source, amount, kind) => {
  expect(await rowOf(`2026-06-30,,usd,${amount},0,${amount},adjustment,${source},,`)).toMatchObject({ kind });
});

test('a balance transaction of the API is what its category says, which tells more than its type', async () => {
  const given = {
    id: 'txn_1',
    object: 'balance_transaction',
    amount: 1_000,
    available_on: 1_782_950_400,
    created: 1_782_864_000,
    currency: 'kwd',
    exchange_rate: null,
    fee: -30,
    fee_details: [],
    net: 1_030,
    reporting_category: 'refund_failure',
    source: 're_1',
    status: 'available',
    type: 'adjustment',
  };
  const charge = { ...given, reporting_category: 'charge', type: 'charge', source: 'ch_1' };
  const text = [given, charge].map((one) => JSON.stringify(one)).join('\n');
  expect(await rowsOf(text, { format: 'ndjson' })).toMatchObject([
    { kind: 'refund_failed', ref: 're_1', minor: 1_000n, feeMinor: -30n, netMinor: 1_030n, currency: 'KWD' },
    // Our captures are known by their payment intent, which it does not say.
    { kind: 'capture', ref: null },
  ]);
});

test('the history of a balance is read as the dashboard exports it', async () => {
  const text =
    'id,Type,Source,Amount,Fee,Destination Platform Fee,Net,Currency,Created (UTC),Available On (UTC),Description,Transfer\n' +
    'txn_1,payout,po_1,-12.50,0.00,,-12.50,usd,2026-06-30 23:59,2026-07-02 00:00,STRIPE PAYOUT,po_1\n';
  expect(await rowsOf(text)).toMatchObject([
    { kind: 'payout', ref: 'po_1', minor: -1_250n, day: '2026-06-30', groupRef: 'po_1' },
  ]);
});

describe('a statement of a bank as banks write them', () => {
  const bankRows = async (text: string, options: Partial<StatementFormat> = {}) =>
    rowsOf(text, { mode: 'bank', currency: 'EUR', ...options });
  const minorOf = async (text: string, options: Partial<StatementFormat> = {}) =>
    (await bankRows(text, options)).map((row) => ('code' in row ? row.code : row.minor));

  test('has its dates with the day or the month first, and what can be both is not guessed', async () => {
    const dayOf = async (date: string, dateOrder?: 'dmy' | 'mdy') =>
      (await bankRows(`date;amount\n"${date}";1\n`, { dateOrder })).map((row) =>
        'code' in row ? row.code : row.day,
      )[0];
    for (const date of [
      '2026-06-30',
      '2026/06/30',
      '20260630',
      '30.06.2026',
      '30.6.26',
      '30/06/2026',
      '06/30/2026',
      '30-06-2026 14:05',
      '30 Jun 2026',
      '30-JUN-26',
      'Jun 30, 2026',
      'June 30, 2026',
    ])
      expect([date, await dayOf(date)]).toEqual([date, '2026-06-30']);
    expect(await dayOf('05/06/2026')).toBe('DATE_AMBIGUOUS');
    expect(await dayOf('05/06/2026', 'dmy')).toBe('2026-06-05');
    expect(await dayOf('05/06/2026', 'mdy')).toBe('2026-05-06');
    expect(await dayOf('30/06/2026', 'mdy')).toBe('DATE_INVALID');
    expect(await dayOf('06/06/2026')).toBe('2026-06-06');
    expect(await dayOf('29.02.2026')).toBe('DATE_INVALID');
    expect(await dayOf('30 Juno 2026')).toBe('DATE_INVALID');
  });

  test('has debits and credits in two columns, or a word beside an amount without a sign', async () => {
    const columns =
      'Booking date;Debit;Credit\n30.06.2026;12,50;\n30.06.2026;;1.234,00\n30.06.2026;-3,00;0,00\n30.06.2026;1,00;2,00\n30.06.2026;;\n';
    expect(await minorOf(columns, { decimal: ',' })).toEqual([
      -1_250n,
      123_400n,
      -300n,
      'AMOUNT_TWICE',
      'AMOUNT_MISSING',
    ]);
    const words =
      'Date,Amount,Type\n2026-06-30,5.00,DEBIT\n2026-06-30,-5.00,Debit\n2026-06-30,5.00,CREDIT\n2026-06-30,-5.00,CREDIT\n2026-06-30,5.00,ACH\n';
    expect(await minorOf(words)).toEqual([-500n, -500n, 500n, 'AMOUNT_SIGN', 500n]);
    expect(await minorOf('Date;Amount;Soll/Haben\n2026-06-30;5.00;S\n2026-06-30;5.00;X\n')).toEqual([
      -500n,
      'DIRECTION_UNKNOWN',
    ]);
  });

  test('writes negative amounts in brackets or with the minus behind', async () => {
    expect(
      await minorOf('date;amount\n2026-06-30;(1,234.50)\n2026-06-30;1,234.50-\n2026-06-30;5 -\n'),
    ).toEqual([-123_450n, -123_450n, -500n]);
  });

  test('has balances and totals among its rows, which are no transactions', async () => {
    const text =
      'date;amount;text\n2026-06-01;500.00;Opening balance\n2026-06-02;5.00;TotalEnergies Paris\n2026-06-30;505.00;Closing balance as of 30 June\nTotal;5.00;\n2026-06-30;505.00;Endsaldo\n2026-06-30;505.00;Saldo: 505.00\n';
    expect(await minorOf(text)).toEqual(['SUMMED', 500n, 'SUMMED', 'SUMMED', 'SUMMED', 'SUMMED']);
  });

  test('is of Windows, with its own letters, a byte order mark, and marks between thousands', async () => {
    const bytesOf = Buffer.from('Buchungstag;Betrag;W\xe4hrung\r\n30.06.2026;1\x92234,50;CHF\r\n', 'latin1');
    const rows: (StatementRow | StatementReject)[] = [];
    async function* source() {
      await Promise.resolve();
      yield bytesOf;
    }
    const format = { mode: 'bank', format: 'csv', charset: 'windows-1252', decimal: ',' } as const;
    for await (const some of readStatement(source(), format)) rows.push(...some);
    expect(rows).toMatchObject([{ minor: 123_450n, currency: 'CHF', day: '2026-06-30' }]);
    expect(await minorOf('\ufeffdate;amount\n2026-06-30;1 234.50\n2026-06-30;1\u202f234.50\n')).toEqual([
      123_450n,
      123_450n,
    ]);
  });
});
