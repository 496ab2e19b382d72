import { MockActivityEnvironment } from '@temporalio/testing';
import { createMaintenanceActivities } from '../../activities/maintenance';
import { acknowledgeAlert, listAlerts } from '../../domain/stock/alerts/list';
import type { AlertView } from '../../domain/stock/alerts/types';
import type { TestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';
import { openLedgerShop, sealedLedger } from './sealed-ledger';
import { check, tamper } from './support';

let shop: TestShop;
beforeEach(async () => {
  shop = await openLedgerShop();
});
afterEach(() => shop.close());

const { writeLongAgo, sealRows } = sealedLedger(() => shop);

/** A night's run of the schedule. */
function fold(retentionMonths = 1): Promise<{ folded: string[] }> {
  const { foldLedgerPartitions } = createMaintenanceActivities({
    db: shop.db,
    partitionsAhead: 1,
    retentionMonths,
    log: testLogger(),
  });
  return new MockActivityEnvironment().run(foldLedgerPartitions);
}

async function alerts(): Promise<AlertView[]> {
  return (await listAlerts(shop.db, { kind: 'ledger_tampered', limit: 10, offset: 0 })).items;
}
const statuses = async () => (await alerts()).map(({ status }) => status);

const CHANGE = 'update inventory_transactions set on_hand_delta = 3 where id = 4';
const RESTORE = 'update inventory_transactions set on_hand_delta = 1 where id = 4';

/** A month that was verified, changed after that, and refused by the fold. */
async function refusedMonth(): Promise<string> {
  const name = await writeLongAgo();
  await sealRows(15);
  expect((await check({ db: shop.db }, 'incremental', ['seals'])).findings).toEqual([]);
  await tamper(shop.url, CHANGE);
  expect(await fold()).toMatchObject({ folded: [] });
  return name;
}

test('a month that is not as it was sealed raises ledger_tampered, which says which and why', async () => {
  const name = await refusedMonth();
  const [alert, ...others] = await alerts();
  expect(others).toEqual([]);
  expect(alert).toMatchObject({ status: 'open', sku: null, location: null });
  expect(alert?.details).toEqual({
    findings: 1,
    first: [
      expect.stringMatching(new RegExp(`^${name} is not summed up: rows of ${name} that seal 1 covers`)),
    ],
  });
});

test('the next night it is the same alert, and who acknowledged it is not asked again', async () => {
  await refusedMonth();
  const [alert] = await alerts();
  await acknowledgeAlert(shop.db, { id: alert?.id ?? '', by: 'user:1', note: null });
  expect(await fold()).toMatchObject({ folded: [] });
  expect(await statuses()).toEqual(['acknowledged']);
});

test('a check that does not read the month leaves the alert, and so does a run that looks at no month', async () => {
  await refusedMonth();
  expect((await check({ db: shop.db }, 'incremental', ['seals'])).findings).toEqual([]);
  await fold(1_200);
  await fold(0);
  expect(await statuses()).toEqual(['open']);
});

test('once the month is restored its fold ends the alert', async () => {
  const name = await refusedMonth();
  await tamper(shop.url, RESTORE);
  expect(await fold()).toMatchObject({ folded: [name] });
  expect(await statuses()).toEqual(['resolved']);
});

test('a full check ends the alert once it finds nothing, and not before', async () => {
  await refusedMonth();
  expect((await check({ db: shop.db }, 'full', ['seals'])).findings).toHaveLength(1);
  expect(await statuses()).toEqual(['open', 'open']);
  await tamper(shop.url, RESTORE);
  expect((await check({ db: shop.db }, 'full', ['seals'])).findings).toEqual([]);
  expect(await statuses()).toEqual(['resolved', 'resolved']);
});

test.each(['report_builds', 'analytics_builds'])(
  'no month is dropped while %s says that sums are made, which would lack it for ever',
  async (builds) => {
    const name = await writeLongAgo();
    await sealRows(15);
    await shop.db.pool.query(`insert into ${builds} (source, up_to, without) values ('ledger', 1, '{}')`);
    expect(await fold()).toEqual({ folded: [], left: 'busy' });
    await shop.db.pool.query(`delete from ${builds}`);
    expect(await fold()).toMatchObject({ folded: [name] });
  },
);
