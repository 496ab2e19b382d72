import {
  settleAllPromised,
  settlePromised,
  type SettledUpTo,
} from '../../domain/ordering/promised/settle-promised';
import { listAffected } from '../../domain/stock/alerts/list';
import type { AffectedView } from '../../domain/stock/alerts/types';
import { findStockKey } from '../../domain/stock/ledger/stock-ledger';
import { listQualityHolds } from '../../domain/warehousing/quality/holds';
import { newId } from '../../platform/ids';
import { openReservationShop, type ReservationShop } from '../db/reservation-shop';
import { levelsOf } from '../db/support';
import { expectInvariants } from '../support/invariants';
import { blockingLots, lot } from './blocking-lots';
import { deliver } from './support';

let shop: ReservationShop;
beforeAll(async () => {
  shop = await openReservationShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const { lotted, hold, alertsOf } = blockingLots(() => shop);

describe('a recall that concerns many', () => {
  const COUNT = 25;

  /** Reservations of one unit each, all of a lot that is on hold. */
  async function promisedToMany(): Promise<{ sku: string; ids: string[] }> {
    const sku = await lotted();
    await deliver(shop.db, [{ sku, quantity: COUNT, lot: lot('BAD', 10) }]);
    const ids: string[] = [];
    for (let n = 0; n < COUNT; n++) ids.push(await shop.reserve({ [sku]: 1 }));
    await hold(sku, 'BAD', COUNT);
    return { sku, ids };
  }

  test('goes on where it was killed, in small batches, and its alert lists all of them', async () => {
    const { sku, ids } = await promisedToMany();
    const { productId } = await findStockKey(shop.db, { sku, location: 'AMS' });
    let settled: SettledUpTo | null = null;
    let beats = 0;
    const killed = settleAllPromised(shop.db, {
      page: 4,
      beat(upTo) {
        if (upTo.productId !== productId) return;
        settled = upTo;
        if (upTo.promised !== null && ++beats === 10) throw new Error('killed');
      },
    });
    await expect(killed).rejects.toThrow('killed');
    expect((await levelsOf(shop.db, sku))['AMS']).toEqual([COUNT, COUNT]);
    expect(await awaited(sku)).toBe(COUNT - 10);
    const rest: SettledUpTo[] = [];
    const from = JSON.parse(JSON.stringify(settled)) as SettledUpTo;
    expect(await settleAllPromised(shop.db, { page: 4, from, beat: (upTo) => rest.push(upTo) })).toBe(true);
    expect(rest.filter((upTo) => upTo.productId === productId && upTo.promised !== null)).toHaveLength(15);
    expect(await awaited(sku)).toBe(0);

    const [alert] = await alertsOf('recall', { sku });
    expect(alert?.details).toMatchObject({ total: COUNT });
    expect(alert?.details['affected']).toHaveLength(20);
    const listed: AffectedView[] = [];
    let after: string | undefined;
    do {
      const page = await listAffected(shop.db, { alertId: alert!.id, after, limit: 10, offset: 0 });
      listed.push(...page!.items);
      after = page!.next ?? undefined;
    } while (after !== undefined);
    expect(listed.map(({ reservationId }) => reservationId).sort()).toEqual([...ids].sort());
    expect(new Set(listed.map(({ outcome, units }) => `${outcome} ${units}`))).toEqual(new Set(['cut 1']));
    expect(await listAffected(shop.db, { alertId: newId(), limit: 10, offset: 0 })).toBeNull();
  });

  test('ends when its time is up, and the next run does the rest', async () => {
    const { sku } = await promisedToMany();
    const key = await findStockKey(shop.db, { sku, location: 'AMS' });
    expect(await settlePromised(shop.db, key, { withinMs: 0 })).toBe(false);
    expect(await awaited(sku)).toBe(COUNT);
    expect(await settlePromised(shop.db, key)).toBe(true);
    expect(await awaited(sku)).toBe(0);
  });

  async function awaited(sku: string): Promise<number> {
    const [found] = (await listQualityHolds(shop.db, { sku, limit: 1, offset: 0 })).items;
    return found?.awaited ?? -1;
  }
});
