import type { CheckId } from '../../domain/assurance/types';
import { putOnHold } from '../../domain/warehousing/quality/put-on-hold';
import { newId } from '../../platform/ids';
import { openOrderShop, type OrderShop } from '../db/support';
import { expectInvariants } from '../support/invariants';
import { deliver, inDays, trackedProduct } from '../tracking/support';
import { check, tamper } from './support';

let shop: OrderShop;
beforeEach(async () => {
  shop = await openOrderShop();
});
afterEach(() => shop.close());

interface Defect {
  found: CheckId[];
  subject: (sku: string) => string;
  details: Record<string, unknown>;
  plant: readonly string[];
}

const DEFECTS: Record<string, Defect> = {
  'units that left a lot by hand': {
    found: ['lots_on_hand', 'lot_movements'],
    subject: (sku) => `${sku}@AMS`,
    details: { onHand: 4, lots: 3 },
    plant: [`update lots set quantity = 3 where code = 'L1'`],
  },
  'a lot that is gone': {
    found: ['lots_on_hand', 'quality_holds'],
    subject: (sku) => `${sku}@AMS`,
    details: { onHand: 4, lots: 0 },
    plant: [`update lots set held = 0 where code = 'L1'`, `delete from lots where code = 'L1'`],
  },
  'a movement that is gone': {
    found: ['lot_movements'],
    subject: (sku) => `${sku}@AMS lot L1`,
    details: { quantity: 4, moved: 0 },
    plant: ['delete from lot_movements'],
  },
  'a serial number of a unit that is not there': {
    found: ['serials_in_stock'],
    subject: (sku) => `${sku}@AMS`,
    details: { onHand: 4, serials: 5 },
    plant: [
      `insert into serials (product_id, serial, serial_key, warehouse_id, status)
       select product_id, 'S5', code_key('S5'), warehouse_id, 'in_stock' from serials where serial = 'S1'`,
    ],
  },
  'a quality hold whose reservation ended': {
    found: ['quality_holds', 'reserved_holds', 'ended_holds'],
    subject: () => 'quality_hold:',
    details: { open: 1, reserved: 1, status: 'cancelled' },
    plant: [`update reservations set status = 'cancelled' where kind = 'quality'`],
  },
  'units of a lot that are held by nobody': {
    found: ['quality_holds'],
    subject: (sku) => `${sku}@AMS lot L1`,
    details: { held: 2, open: 1 },
    plant: [`update lots set held = 2 where code = 'L1'`],
  },
  'a trigger that was disabled, so that lots no longer follow the ledger': {
    found: ['guards'],
    subject: () => 'trigger:inventory_transactions.inventory_transactions_tracked_units',
    details: { state: 'disabled' },
    plant: ['alter table inventory_transactions disable trigger inventory_transactions_tracked_units'],
  },
};

/** Four units in lot L1 with their serial numbers, one of them on quality hold. */
async function trackedStock(): Promise<string> {
  const sku = await trackedProduct(shop, { lots: true, serials: true });
  const lot = { code: 'L1', expiresOn: inDays(30) };
  await deliver(shop.db, [{ sku, quantity: 4, lot, serials: ['S1', 'S2', 'S3', 'S4'] }]);
  const hold = { holdId: newId(), sku, location: 'AMS', quantity: 1, lot: 'L1', reason: 'scratched' };
  await putOnHold(shop.db, { ...hold, actor: 'tester' });
  return sku;
}

test('what the product wrote of lots, serial numbers and quality holds has no finding', async () => {
  await trackedStock();
  expect((await check({ db: shop.db })).findings).toEqual([]);
  await expectInvariants(shop.db);
});

test.each(Object.entries(DEFECTS))('%s is found, and said to be for a person', async (_, defect) => {
  const sku = await trackedStock();
  await tamper(shop.url, ...defect.plant);
  const { findings } = await check({ db: shop.db });
  expect([...new Set(findings.map((finding) => finding.check))].sort()).toEqual([...defect.found].sort());
  const found = findings.find((finding) => finding.check === defect.found[0]);
  expect(found?.subject).toContain(defect.subject(sku));
  expect(found?.details).toMatchObject(defect.details);
  expect(found?.repairable).toBe(defect.found[0] === 'guards');
});
