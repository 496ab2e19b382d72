import { withStock } from '../support/stock';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createTransferActivities, type TransferActivities } from '../../activities/transfers';
import { startTransfer } from '../../domain/stock/transfers/start';
import { newId } from '../../platform/ids';
import { openOrderShop, twice, type OrderShop } from '../db/support';
import { expectInvariants } from '../support/invariants';

let shop: OrderShop;
let activities: TransferActivities;

beforeAll(async () => {
  shop = await openOrderShop();
  activities = createTransferActivities({ db: shop.db });
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

function run<Args extends unknown[], Result>(
  activity: (...args: Args) => Promise<Result>,
  ...args: Args
): Promise<Result> {
  return new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') }).run(activity, ...args);
}

async function late(): Promise<string> {
  const { id } = await startTransfer(withStock(shop.db), {
    transferId: newId(),
    sku: await shop.product({ AMS: 5 }),
    from: 'AMS',
    to: 'BER',
    quantity: 2,
    mode: 'in_transit',
    actor: 'tester',
    transitSeconds: 1,
  });
  await shop.db.pool.query(
    `update transfers set expected_at = clock_timestamp() - interval '1 hour', updated_at = clock_timestamp() - interval '1 hour'
     where id = $1`,
    [id],
  );
  return id;
}

const still = ({ msLeft: _, ...rest }: { msLeft: number | null }) => rest;

test.each(['readTransfer', 'raiseOverdue'] as const)(
  '%s, run twice, returns the same and changes nothing',
  async (name) => {
    const id = await late();
    const [first, second] = await twice(shop.db, () => run(activities[name], id));
    expect(still(second)).toEqual(still(first));
    expect(first.isOverdue).toBe(name === 'raiseOverdue');
  },
);

test.each(['readTransfer', 'raiseOverdue'] as const)(
  '%s of a transfer that does not exist fails for good, with its code',
  async (name) => {
    await expect(run(activities[name], newId())).rejects.toMatchObject({
      type: 'NOT_FOUND',
      nonRetryable: true,
    });
  },
);
