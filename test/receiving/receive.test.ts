import { reverseReceipt } from '../../domain/warehousing/receiving/change-receipt';
import { receiveGoods } from '../../domain/warehousing/receiving/receive';
import { listReceipts, readReceipt } from '../../domain/warehousing/receiving/receipts';
import type { ReceiptInput } from '../../domain/warehousing/receiving/types';
import { newId } from '../../platform/ids';
import { levelsOf, openOrderShop, orderOf, twice, viewOf, type OrderShop } from '../db/support';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

function receiptOf(lines: ReceiptInput['lines'], rest: Partial<ReceiptInput> = {}): ReceiptInput {
  return {
    receiptId: newId(),
    location: 'AMS',
    supplier: 'ACME',
    supplierReference: newId(),
    lines,
    actor: 'tester',
    ...rest,
  };
}

const receive = (input: ReceiptInput) => receiveGoods(withStock(shop.db), input);

test('a delivery is on hand, in the ledger under its reference, and kept as a document', async () => {
  const [sku, other] = [await shop.product({ AMS: 1 }), await shop.product({})];
  const input = receiptOf([
    { sku, quantity: 4, unitCostMinor: 250 },
    { sku: other, quantity: 2 },
    { sku, quantity: 1, unitCostMinor: 300, currency: 'USD' },
  ]);
  const made = await receive(input);
  expect(made).toMatchObject({
    id: input.receiptId,
    location: 'AMS',
    supplier: 'ACME',
    supplierReference: input.supplierReference,
    lines: [
      { sku, quantity: 4, unitCostMinor: 250, currency: 'USD', lot: null, serials: [] },
      { sku: other, quantity: 2, unitCostMinor: null, currency: null },
      { sku, quantity: 1, unitCostMinor: 300, currency: 'USD' },
    ],
  });
  expect(await readReceipt(shop.db, made.id)).toEqual(made);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [6, 0] });
  expect(await levelsOf(shop.db, other)).toEqual({ AMS: [2, 0] });
  const entries = await shop.db.pool.query(
    `select on_hand_delta, reserved_delta, reference, actor from inventory_transactions
     where kind = 'receipt' and effect_id = $1 order by on_hand_delta`,
    [made.id],
  );
  const common = { reserved_delta: 0, reference: input.supplierReference, actor: 'tester' };
  expect(entries.rows).toEqual([
    { on_hand_delta: 2, ...common },
    { on_hand_delta: 5, ...common },
  ]);
});

test('the same receipt again returns the first and changes nothing, whatever it says', async () => {
  const sku = await shop.product({});
  const input = receiptOf([{ sku, quantity: 4 }]);
  const [first, second] = await twice(shop.db, () => receive(input));
  expect(second).toEqual(first);
  expect(await receive({ ...input, lines: [{ sku, quantity: 400 }] })).toEqual(first);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [4, 0] });
});

test('the same receipt twenty times at once is received once', async () => {
  const sku = await shop.product({});
  const input = receiptOf([{ sku, quantity: 3 }]);
  const answers = await Promise.all(Array.from({ length: 20 }, () => receive(input)));
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [3, 0] });
});

test.each([['ACME'], [undefined]])(
  'a reference of supplier %s is received once, however many come at once',
  async (supplier) => {
    const sku = await shop.product({});
    const supplierReference = newId();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, () =>
        receive(receiptOf([{ sku, quantity: 1 }], { supplier, supplierReference })),
      ),
    );
    const refused = outcomes.flatMap((o) => (o.status === 'rejected' ? [o.reason as { code: string }] : []));
    expect(refused).toHaveLength(9);
    expect(refused.every((reason) => reason.code === 'DUPLICATE_RECEIPT')).toBe(true);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0] });
    await receive(receiptOf([{ sku, quantity: 1 }], { supplier: 'ANOTHER', supplierReference }));
  },
);

test('a document is received once, however its number is written and however many come at once', async () => {
  const sku = await shop.product({});
  const number = newId().slice(0, 8);
  const receiveAs = (supplierReference: string, more: object = {}) =>
    receive(receiptOf([{ sku, quantity: 1 }], { supplier: 'Acme', supplierReference, ...more }));
  const written = [
    `ACME/DN-${number}`,
    `Acme/dn ${number}`,
    `acme_DN.${number}`,
    `ＡＣＭＥ DN\u2011${number}`,
  ];
  const outcomes = await Promise.allSettled(
    written.map((text, n) => receiveAs(text, { supplier: n % 2 === 0 ? 'Acme' : ' ACME ' })),
  );
  const [taken] = outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const refused = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason as object] : []));
  expect(refused).toHaveLength(written.length - 1);
  for (const reason of refused) {
    expect(reason).toMatchObject({
      code: 'SIMILAR_RECEIPT',
      details: { receiptId: taken?.id, supplierReference: taken?.supplierReference },
    });
  }
  await expect(
    receiveAs(taken?.supplierReference ?? '', { supplier: taken?.supplier }),
  ).rejects.toMatchObject({
    code: 'DUPLICATE_RECEIPT',
    details: { receiptId: taken?.id },
  });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0] });
  // Another one, and another supplier's.
  const other = receiptOf([{ sku, quantity: 1 }], {
    supplier: 'Acme',
    supplierReference: `acme: dn ${number}`,
    acceptSimilarReference: true,
  });
  const accepted = await receive(other);
  expect(await receive({ ...other, acceptSimilarReference: false })).toEqual(accepted);
  await receiveAs(`Acme/dn ${number}`, { supplier: 'Other' });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [3, 0] });
});

test('a reference is free when its receipts are taken back, and others than capitals and separators count', async () => {
  const sku = await shop.product({});
  const prefix = newId();
  const receiveAs = (end: string) =>
    receive(receiptOf([{ sku, quantity: 1 }], { supplier: 'Acme', supplierReference: `${prefix} ${end}` }));
  const first = await receiveAs('DN-1-11');
  await receiveAs('DN-11-1');
  await receiveAs('DN-01-11');
  await receiveAs('DN+1-11');
  await expect(receiveAs('DN1-11')).rejects.toMatchObject({ code: 'SIMILAR_RECEIPT' });
  await reverseReceipt(withStock(shop.db), {
    receiptId: first.id,
    changeId: newId(),
    reason: 'no',
    actor: 't',
  });
  await receiveAs('dn1/11');
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [4, 0] });
});

test('waiting backorders are served first, in the transaction that receives', async () => {
  const sku = await shop.product({});
  const order = orderOf({ [sku]: 3 }, { fulfilment: 'backorder' });
  await shop.place(order);
  await receive(receiptOf([{ sku, quantity: 5 }]));
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [5, 3] });
  expect((await viewOf(shop.db, order.orderId)).items[0]).toMatchObject({
    reservedQuantity: 3,
    backorderedQuantity: 0,
  });
});

test('deliveries of the same products in opposite order at once all arrive', async () => {
  const [a, b] = [await shop.product({ AMS: 1 }), await shop.product({ AMS: 1 })];
  const line = (sku: string) => ({ sku, quantity: 1 });
  await Promise.all(
    Array.from({ length: 30 }, (_, n) => receive(receiptOf(n % 2 ? [line(a), line(b)] : [line(b), line(a)]))),
  );
  expect([await levelsOf(shop.db, a), await levelsOf(shop.db, b)]).toEqual([
    { AMS: [31, 0] },
    { AMS: [31, 0] },
  ]);
});

test.each([
  ['an unknown product', { lines: [{ sku: 'NO-SUCH', quantity: 1 }] }, 'UNKNOWN_SKU'],
  ['an unknown location', { location: 'NO-SUCH' }, 'UNKNOWN_LOCATION'],
  [
    'a lot of a product without lots',
    (sku: string) => ({ lines: [{ sku, quantity: 1, lot: { code: 'L' } }] }),
    'NOT_TRACKED',
  ],
  [
    'serial numbers of a product without',
    (sku: string) => ({ lines: [{ sku, quantity: 1, serials: ['S'] }] }),
    'NOT_TRACKED',
  ],
  [
    'more than can be counted',
    (sku: string) => ({ lines: [1, 2, 3].map(() => ({ sku, quantity: 1_000_000_000 })) }),
    'QUANTITY_OVERFLOW',
  ],
] as const)('%s is refused and leaves nothing, not even its reference', async (_name, change, code) => {
  const sku = await shop.product({ AMS: 5 });
  const input = receiptOf([{ sku, quantity: 1 }]);
  const wrong = { ...input, ...(typeof change === 'function' ? change(sku) : change) } as ReceiptInput;
  await expect(receive(wrong)).rejects.toMatchObject({ name: 'AppError', code });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [5, 0] });
  expect(await receive({ ...input, location: 'AMS' })).toMatchObject({ id: input.receiptId });
});

test('receipts are listed newest first, in pages, by supplier, reference, product and place', async () => {
  const sku = await shop.product({});
  const supplier = newId();
  const made: string[] = [];
  for (const location of ['AMS', 'BER', 'AMS']) {
    made.unshift((await receive(receiptOf([{ sku, quantity: 1 }], { supplier, location }))).id);
  }
  const first = await listReceipts(shop.db, { supplier, limit: 2, offset: 0 });
  expect(first.items.map((receipt) => receipt.id)).toEqual(made.slice(0, 2));
  const rest = await listReceipts(shop.db, { supplier, limit: 2, offset: 0, after: first.next! });
  expect(rest.items.map((receipt) => receipt.id)).toEqual(made.slice(2));
  expect(rest.next).toBeNull();
  const page = { limit: 10, offset: 0 };
  expect((await listReceipts(shop.db, { sku, location: 'BER', ...page })).items).toHaveLength(1);
  const { supplierReference } = first.items[0]!;
  expect((await listReceipts(shop.db, { supplierReference, ...page })).items).toEqual([first.items[0]]);
});
