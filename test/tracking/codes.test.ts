import { nameParcelUnits } from '../../domain/fulfilment/parcel-units';
import { adjustStock } from '../../domain/stock/adjustments/adjust';
import { confirmReservation } from '../../domain/stock/reservations/change-reservation';
import { shipReservation } from '../../domain/stock/reservations/ship-reservation';
import { readLot } from '../../domain/stock/tracking/lot-masters';
import { codeKey } from '../../domain/stock/tracking/rules';
import { setTracking } from '../../domain/stock/tracking/set-tracking';
import { readSerial } from '../../domain/stock/tracking/views';
import { receiveTransfer } from '../../domain/stock/transfers/receive';
import { startTransfer } from '../../domain/stock/transfers/start';
import { correctLotExpiry } from '../../domain/warehousing/quality/blocked-lots';
import { newId } from '../../platform/ids';
import { authorise, comesIn, inspect, shippedOrder } from '../returns/support';
import { openReservationShop, type ReservationShop } from '../db/reservation-shop';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { deliver, inDays, lotsOf, serialsOf, trackedProduct, withSerials } from './support';

let shop: ReservationShop;
beforeAll(async () => {
  shop = await openReservationShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const lotted = () => trackedProduct(shop, { lots: true });
const adjust = (sku: string, delta: number) =>
  adjustStock(withStock(shop.db), {
    sku,
    location: 'AMS',
    change: { delta },
    reason: 'test',
    actor: 'test',
    effectId: newId(),
  });

test('codes are compared as people see them, here and in PostgreSQL', async () => {
  const given = ['  L-7 ', 'l-7', 'L-7\u00a0', 'Cafe\u0301 1', 'CAFÉ  1', 'a\u200b b', 'STRASSE'];
  const { rows } = await shop.db.pool.query('select code_key(n) as key from unnest($1::text[]) as n', [
    given,
  ]);
  expect(rows.map(({ key }: { key: string }) => key)).toEqual(given.map(codeKey));
  expect(new Set(given.map(codeKey)).size).toBe(4);
});

test.each([
  ['a zero-width space', 'L\u200b-7'],
  ['a joiner', 'L-\u200d7'],
  ['a soft hyphen', 'L-\u00ad7'],
  ['a byte order mark', '\ufeffL-7'],
  ['marks of direction', '\u202aL-7\u202c\u200e'],
  ['a no-break blank around it', 'L-7\u00a0'],
  ['wide forms', '\uff2c\uff0d\uff17'],
])('a code with %s is the one without', (_, code) => {
  expect(codeKey(code)).toBe('l-7');
});

test('blanks within a code are one blank, whichever they are, and nothing is left of what is not seen', () => {
  expect(['L 7', 'L\u20077', 'L\u202f7', 'L\u00a07', 'L\u30007', 'L \u200b 7'].map(codeKey)).toEqual(
    Array<string>(6).fill('l 7'),
  );
  expect(codeKey('\u200b\u00ad \u2060\ufeff')).toBe('');
  // Seen as different
  expect(codeKey('L\u00b2')).not.toBe(codeKey('L2'));
});

test('every character is compared alike here and in PostgreSQL', async () => {
  const { rows } = await shop.db.pool.query(
    `select n, code_key('x' || chr(n) || 'x') as key
     from generate_series(1, 1114111) n where n not between 55296 and 57343 and unicode_assigned(chr(n))`,
  );
  const differing = rows.filter(({ n, key }: { n: number; key: string }) => {
    const character = String.fromCodePoint(n);
    // What one of both Unicode versions does not have yet has no other form.
    return /\p{Assigned}/u.test(character) && codeKey(`x${character}x`) !== key;
  });
  expect(differing).toEqual([]);
});

describe('a lot', () => {
  test('with a mistyped date says what is known, and is received once that is corrected', async () => {
    const sku = await lotted();
    const line = (days: number, code = 'L-7') => ({
      sku,
      quantity: 3,
      lot: { code, expiresOn: inDays(days) },
    });
    await deliver(shop.db, [line(3_650)]);
    await adjust(sku, -3);
    await expect(deliver(shop.db, [line(30)])).rejects.toMatchObject({
      code: 'LOT_EXPIRY_MISMATCH',
      details: {
        lot: 'L-7',
        known: { expiresOn: inDays(3_650) },
        correctWith: `PUT /inventory/${sku}/lots/L-7`,
      },
    });
    const change = { sku, lot: 'L-7', expiresOn: inDays(30), reason: 'typo', actor: 'clerk' };
    await correctLotExpiry(withStock(shop.db), change);
    await deliver(shop.db, [line(30)]);
    await deliver(shop.db, [line(30, ' l-7')], 'BER');
    await deliver(shop.db, [{ sku, quantity: 1, lot: { code: 'L-7' } }]);
    expect(await lotsOf(shop.db, sku)).toEqual(['L-7@AMS: 4', 'L-7@BER: 3']);
    await expect(correctLotExpiry(withStock(shop.db), { ...change, lot: 'NO' })).rejects.toMatchObject({
      code: 'UNKNOWN_LOT',
    });
  });

  test('that is new is received at two places at once, and has one master', async () => {
    for (let round = 0; round < 10; round++) {
      const sku = await lotted();
      const line = { sku, quantity: 1, lot: { code: 'NEW', expiresOn: inDays(9) } };
      await Promise.all([
        deliver(shop.db, [line]),
        deliver(shop.db, [{ ...line, lot: { ...line.lot, code: 'new' } }], 'BER'),
      ]);
      const other = { ...line, lot: { code: 'TWO', expiresOn: inDays(5) } };
      const outcomes = await Promise.allSettled([
        deliver(shop.db, [other]),
        deliver(shop.db, [{ ...other, lot: { code: 'TWO', expiresOn: inDays(6) } }], 'BER'),
      ]);
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const { rows } = await shop.db.pool.query(
        'select m.code from product_lots m join products p on p.id = m.product_id where p.sku = $1',
        [sku],
      );
      expect(rows).toHaveLength(2);
      expect(await readLot(shop.db, sku, 'NEW')).toMatchObject({ quantity: 2, expiresOn: inDays(9) });
    }
  });

  test('is corrected while it comes in elsewhere: no place keeps the old date', async () => {
    for (let round = 0; round < 10; round++) {
      const sku = await lotted();
      await deliver(shop.db, [{ sku, quantity: 1, lot: { code: 'L', expiresOn: inDays(9) } }]);
      await Promise.all([
        deliver(shop.db, [{ sku, quantity: 1, lot: { code: 'L' } }], 'BER'),
        correctLotExpiry(withStock(shop.db), {
          sku,
          lot: 'L',
          expiresOn: inDays(99),
          reason: 'typo',
          actor: 'clerk',
        }),
      ]);
      const { rows } = await shop.db.pool.query(
        `select distinct l.expires_on::text as day from lots l join products p on p.id = l.product_id where p.sku = $1`,
        [sku],
      );
      expect(rows).toEqual([{ day: inDays(99) }]);
    }
  });
});

test('a serial number is the same however it is written', async () => {
  const sku = await withSerials(shop, 'Ab-1', 'Ab-2');
  await expect(deliver(shop.db, [{ sku, quantity: 1, serials: ['AB-1'] }])).rejects.toMatchObject({
    code: 'DUPLICATE_SERIAL',
  });
  await expect(deliver(shop.db, [{ sku, quantity: 2, serials: ['x', ' X'] }])).rejects.toMatchObject({
    code: 'DUPLICATE_SERIAL',
  });
  expect(await readSerial(shop.db, ' aB-1 ')).toMatchObject([{ serial: 'Ab-1' }]);
});

test('items that leave are looked at together, not one by one', async () => {
  const sku = await withSerials(shop, 'A', 'B', 'C', 'D');
  const id = await shop.reserve({ [sku]: 2 });
  await confirmReservation({ db: shop.db, actor: 'test' }, id);
  const ships = (...items: string[][]) =>
    shipReservation(
      withStock(shop.db),
      id,
      items.map((serials) => ({ sku, serials })),
    );
  await expect(ships(['A', 'B'], ['C', 'D'])).rejects.toMatchObject({ code: 'TOO_MANY_UNITS_NAMED' });
  await expect(ships(['A'], ['a'])).rejects.toMatchObject({ code: 'UNITS_NAMED_TWICE' });
  expect(await serialsOf(shop.db, sku)).toEqual([
    'A@AMS: in_stock',
    'B@AMS: in_stock',
    'C@AMS: in_stock',
    'D@AMS: in_stock',
  ]);
  await ships(['D'], ['C']);
  expect(await serialsOf(shop.db, sku)).toEqual([
    'A@AMS: in_stock',
    'B@AMS: in_stock',
    'C@AMS: shipped',
    'D@AMS: shipped',
  ]);
  await expect(
    nameParcelUnits(withStock(shop.db), { actor: 'packer', shipmentId: newId(), items: [] }),
  ).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
});

describe('a transfer', () => {
  const start = async (sku: string, quantity: number) => {
    const transferId = newId();
    await startTransfer(withStock(shop.db), {
      transferId,
      sku,
      from: 'AMS',
      to: 'BER',
      quantity,
      mode: 'in_transit',
      actor: 't',
      transitSeconds: 60,
    });
    return transferId;
  };
  const arrives = (transferId: string, rest: object) =>
    receiveTransfer(withStock(shop.db), { transferId, receiptId: newId(), actor: 't', ...rest });

  test('says which numbers arrived and which were lost', async () => {
    const sku = await withSerials(shop, 'A', 'B', 'C', 'D');
    const id = await start(sku, 3);
    await expect(arrives(id, { quantity: 1, named: { serials: ['D'] } })).rejects.toMatchObject({
      code: 'SERIAL_NOT_THERE',
    });
    await expect(arrives(id, { quantity: 1, lost: 1, named: { serials: ['A', 'B'] } })).rejects.toMatchObject(
      { code: 'TOO_MANY_UNITS_NAMED' },
    );
    await expect(
      arrives(id, { quantity: 1, lost: 1, named: { serials: ['B'] }, namedLost: { serials: ['b'] } }),
    ).rejects.toMatchObject({ code: 'UNITS_NAMED_TWICE' });
    await arrives(id, { quantity: 1, lost: 1, named: { serials: ['c'] }, namedLost: { serials: ['A'] } });
    expect(await serialsOf(shop.db, sku)).toEqual([
      'A@BER: written_off',
      'B@AMS: in_transit',
      'C@BER: in_stock',
      'D@AMS: in_stock',
    ]);
  });

  test('says which lots, of those that are on their way', async () => {
    const sku = await lotted();
    await deliver(shop.db, [
      { sku, quantity: 3, lot: { code: 'ONE', expiresOn: inDays(5) } },
      { sku, quantity: 3, lot: { code: 'TWO', expiresOn: inDays(6) } },
    ]);
    const id = await start(sku, 5);
    const lot = (code: string, quantity: number) => ({ lots: [{ code, quantity }] });
    await expect(arrives(id, { quantity: 3, named: lot('TWO', 3) })).rejects.toMatchObject({
      code: 'LOT_SHORT',
    });
    await expect(arrives(id, { quantity: 1, named: lot('X', 1) })).rejects.toMatchObject({
      code: 'UNKNOWN_LOT',
    });
    await arrives(id, { quantity: 2, lost: 1, named: lot('two', 2), namedLost: lot('ONE', 1) });
    expect(await lotsOf(shop.db, sku)).toEqual(['TWO@AMS: 1', 'TWO@BER: 2']);
    await arrives(id, {});
    expect(await lotsOf(shop.db, sku)).toEqual(['ONE@BER: 2', 'TWO@AMS: 1', 'TWO@BER: 2']);
  });

  test('under way keeps what the product keeps from being changed, as does a return that is not inspected', async () => {
    const sku = await lotted();
    await deliver(shop.db, [{ sku, quantity: 2, lot: { code: 'L', expiresOn: inDays(5) } }]);
    const off = { sku, lots: false, serials: false };
    const refused = { code: 'PRODUCT_HAS_STOCK' };
    const id = await start(sku, 2);
    await expect(setTracking(shop.db, { actor: 'test', ...off })).rejects.toMatchObject({
      ...refused,
      details: { inTransit: 2 },
    });
    await arrives(id, { lost: 2 });
    await deliver(shop.db, [{ sku, quantity: 1, lot: { code: 'L' } }]);
    const orderId = await shippedOrder(shop, { [sku]: 1 });
    const { id: returnId } = await authorise(shop.db, orderId, { [sku]: 1 });
    await comesIn(shop.db, returnId, { [sku]: 1 });
    await expect(setTracking(shop.db, { actor: 'test', ...off })).rejects.toMatchObject({
      ...refused,
      details: { toInspect: 1 },
    });
    const result = { sku, restock: 0, writeOff: 1, writeOffLots: [{ code: 'L', quantity: 1 }] };
    await expect(
      inspect(shop.db, returnId, [{ ...result, writeOffLots: [{ code: 'NO', quantity: 1 }] }]),
    ).rejects.toMatchObject({ code: 'UNKNOWN_LOT' });
    await inspect(shop.db, returnId, [result]);
    await setTracking(shop.db, { actor: 'test', ...off });
  });
});
