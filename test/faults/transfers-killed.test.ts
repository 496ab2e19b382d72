import { findInconsistencies } from '../../domain/assurance/run-check';
import { derivedId, newId } from '../../platform/ids';
import { levelsOf } from '../db/support';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';
import { untilIdle } from './assertions';
import { openBarriers, type Barrier, type Barriers } from './barrier';
import { openProduct, type Product } from './product';
import { ask, send, transferOf } from './transfers';
import { ADMIN_CALLER } from '../support/access-keys';

let product: Product;
let barriers: Barriers;
beforeAll(async () => {
  product = await openProduct();
  barriers = openBarriers(product.databaseUrl);
}, 240_000);
afterAll(async () => {
  await barriers.releaseAll();
  await product.close();
});

const UNITS = 6;

/** Where a transfer stands when the blow comes, and how it must end all the same; `alerts`: that there ever were. */
const STEPS = {
  'it is being sent': { received: UNITS },
  'it has been sent, which its client has not heard': { received: UNITS },
  'a part of it is being received': { received: UNITS },
  'a part of it has been received, which its client has not heard': { received: UNITS },
  'a loss is being written off': { received: 4, lost: 2 },
  'a loss has been written off, which its client has not heard': { received: 4, lost: 2 },
  'it is being called back': { received: 1, returned: 5 },
  'it has been called back, which its client has not heard': { received: 1, returned: 5 },
  'nobody follows it yet': { received: UNITS },
  'it is followed, and the message that asked for it is not forgotten': { received: UNITS },
  'it is being marked as overdue': { received: 1, returned: 5, alerts: 1 },
  'it is marked as overdue, which the engine has not heard': { received: 4, lost: 2, alerts: 1 },
  'it falls due while no worker runs': { received: UNITS, alerts: 1 },
  'it is overdue, and ends while no worker runs': { received: UNITS, alerts: 1 },
  'it is overdue, and is called back while no worker runs': { returned: UNITS, alerts: 1 },
  'a part of it is received while no worker runs': { received: 2, returned: 4 },
  'all of it is received while no worker runs': { received: UNITS },
} as const satisfies Record<string, { received?: number; lost?: number; returned?: number; alerts?: number }>;

type Step = keyof typeof STEPS;
type Wish = readonly [action: 'receive' | 'cancel', body: object];
const PART: Wish = ['receive', { quantity: 2 }];
const LOSS: Wish = ['receive', { quantity: 1, lost: 2 }];
const BACK: Wish = ['cancel', {}];

/** What an API process is doing when it is killed: in the middle of its transaction, or behind it. Without a wish: sending. */
const IN_THE_API: readonly { step: Step; wish?: Wish; kind: string; at: 'once' | 'commit' }[] = [
  { step: 'it is being sent', kind: 'transfer_out', at: 'once' },
  { step: 'it has been sent, which its client has not heard', kind: 'transfer_out', at: 'commit' },
  { step: 'a part of it is being received', wish: PART, kind: 'transfer_in', at: 'once' },
  {
    step: 'a part of it has been received, which its client has not heard',
    wish: PART,
    kind: 'transfer_in',
    at: 'commit',
  },
  { step: 'a loss is being written off', wish: LOSS, kind: 'write_off', at: 'once' },
  {
    step: 'a loss has been written off, which its client has not heard',
    wish: LOSS,
    kind: 'write_off',
    at: 'commit',
  },
  { step: 'it is being called back', wish: BACK, kind: 'transfer_in', at: 'once' },
  {
    step: 'it has been called back, which its client has not heard',
    wish: BACK,
    kind: 'transfer_in',
    at: 'commit',
  },
];

type Caller = Pick<Product, 'call'>;
type Transfer = ReturnType<typeof newTransfer>;

/** Of a product of its own; its id is known before it is sent. */
function newTransfer(step: Step) {
  const [sku, key] = [`SKU-${newId()}`, newId()];
  const id = derivedId('transfer', ADMIN_CALLER, key);
  const handle = product.client.workflow.getHandle(product.names.transferWorkflowId(id));
  async function rows<Row extends object>(text: string, value: string): Promise<Row[]> {
    return (await product.db.pool.query<Row>(text, [value])).rows;
  }
  return {
    step,
    id,
    sku,
    handle,
    send: (through: Caller, transitSeconds = 3_600) =>
      send(through, { ...transferOf(UNITS, sku), transitSeconds }, key),
    wish: (through: Caller, [action, body]: Wish) => ask(through, `/transfers/${id}/${action}`, body),
    /** Until its workflow tells so. */
    says: (words: string) =>
      waitFor(async () => {
        const metadata = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
        return metadata.currentDetails?.includes(words);
      }, 60_000),
    /** What the books say of its units; undefined: it was never sent. */
    async units() {
      const found = await rows<{ received: number; lost: number; returned: number; open: number }>(
        'select received, lost, returned, open from transfers where id = $1',
        id,
      );
      return found[0];
    },
    /** Statuses of the alerts that there ever were about it. */
    async alerts() {
      const found = await rows<{ status: string }>(
        `select a.status from alerts a join products p on p.id = a.product_id
         where p.sku = $1 and a.kind = 'transfer_overdue'`,
        sku,
      );
      return found.map(({ status }) => status);
    },
    /** Units by what the ledger calls their way and by place. */
    async ledger() {
      const found = await rows<{ entry: string; units: number }>(
        `select t.kind || ' ' || w.code as entry, sum(t.on_hand_delta)::int as units
         from inventory_transactions t join warehouses w on w.id = t.warehouse_id where t.reference = $1 group by 1`,
        `transfer:${id}`,
      );
      return Object.fromEntries(found.map(({ entry, units }) => [entry, units]));
    },
    async isDue() {
      const found = await rows(
        'select 1 from transfers where id = $1 and expected_at < clock_timestamp()',
        id,
      );
      return found.length > 0;
    },
    /** How often the relay has tried each of its messages. */
    async messages() {
      const found = await rows<{ attempts: number }>('select attempts from outbox where key = $1', id);
      return found.map(({ attempts }) => attempts);
    },
  };
}

test('transfers whose worker and API are killed at every step end as if nothing had happened', async () => {
  const worker = await product.startWorker({ through: product.line });
  let api = await product.startApi();
  const clients: Caller = { call: (...request) => api.call(...request) };
  const all = new Map<Step, Transfer>();
  // What it goes by is this very list.
  for (const step of Object.keys(STEPS) as Step[]) all.set(step, newTransfer(step));
  const at = (step: Step): Transfer => {
    const found = all.get(step);
    if (!found) throw new Error(`no transfer stands where ${step}`);
    return found;
  };
  for (const { sku } of all.values()) {
    await addStock(product.db, sku, 'AMS', 10);
    await addStock(product.db, sku, 'BER', 0);
  }

  const rung = at('it is followed, and the message that asked for it is not forgotten');
  const marking = at('it is being marked as overdue');
  const marked = at('it is marked as overdue, which the engine has not heard');
  const alertOf = ({ id }: Transfer) => `new.details -> 'transferIds' ? '${id}'`;
  const atMessage = await barriers.blockWrites({
    on: 'delete on outbox',
    when: `old.key = '${rung.id}'`,
    at: 'once',
  });
  const atMarking = await barriers.blockWrites({
    on: 'insert on alerts',
    when: alertOf(marking),
    at: 'once',
  });
  const atMarked = await barriers.blockWrites({
    on: 'insert on alerts',
    when: alertOf(marked),
    at: 'commit',
  });

  const late = [
    marking,
    marked,
    at('it is overdue, and ends while no worker runs'),
    at('it is overdue, and is called back while no worker runs'),
  ];
  const unsent = [
    at('nobody follows it yet'),
    at('it falls due while no worker runs'),
    ...IN_THE_API.filter(({ wish }) => !wish).map(({ step }) => at(step)),
  ];
  for (const transfer of all.values()) {
    if (!unsent.includes(transfer)) await transfer.send(clients, late.includes(transfer) ? 1 : 3_600);
  }
  for (const { step } of IN_THE_API.filter(({ wish }) => wish === BACK)) {
    await at(step).wish(clients, ['receive', { quantity: 1 }]);
  }
  for (const barrier of [atMessage, atMarking, atMarked]) await barrier.reached();
  for (const transfer of late.slice(2)) await transfer.says('**overdue**');
  for (const transfer of all.values()) {
    if (!unsent.includes(transfer) && !late.includes(transfer)) await transfer.says('expected by');
  }

  const inTheApi: Barrier[] = [];
  for (const { step, kind, at: when } of IN_THE_API) {
    inTheApi.push(
      await barriers.blockWrites({
        on: 'insert on inventory_transactions',
        when: `new.reference = 'transfer:${at(step).id}' and new.kind = '${kind}'`,
        at: when,
      }),
    );
  }
  const answers = IN_THE_API.map(({ step, wish }) =>
    wish ? at(step).wish(clients, wish) : at(step).send(clients),
  );
  // Whoever awaits one is told of its failure; nobody does when the test has failed before.
  for (const answer of answers) answer.catch(() => undefined);
  for (const barrier of [...inTheApi, atMessage, atMarking, atMarked]) await barrier.reached();
  // When all others stand, so that it is not due before the worker is gone.
  const due = at('it falls due while no worker runs');
  await due.send(product, 15);
  await due.says('expected by');

  // From here on the engine hears nothing of what the worker still does in PostgreSQL.
  product.line.cut();
  const alone = at('nobody follows it yet');
  await alone.send(product);
  await waitFor(async () => (await alone.messages()).some((attempts) => attempts > 0));
  await atMarked.release();
  await waitFor(async () => (await marked.alerts()).length > 0);
  await Promise.all([worker.kill(), api.kill()]);
  await barriers.releaseAll();
  await untilIdle(product);

  expect(await unitsAt(IN_THE_API.map(({ step }) => at(step)))).toEqual([
    undefined,
    { received: 0, lost: 0, returned: 0, open: 6 },
    { received: 0, lost: 0, returned: 0, open: 6 },
    { received: 2, lost: 0, returned: 0, open: 4 },
    { received: 0, lost: 0, returned: 0, open: 6 },
    { received: 1, lost: 2, returned: 0, open: 3 },
    { received: 1, lost: 0, returned: 0, open: 5 },
    { received: 1, lost: 0, returned: 5, open: 0 },
  ]);
  expect([await marking.alerts(), await marked.alerts(), await due.alerts()]).toEqual([[], ['open'], []]);

  await at('it is overdue, and ends while no worker runs').wish(product, ['receive', {}]);
  await at('it is overdue, and is called back while no worker runs').wish(product, BACK);
  await at('a part of it is received while no worker runs').wish(product, PART);
  await at('all of it is received while no worker runs').wish(product, ['receive', {}]);
  await waitFor(() => due.isDue());

  product.line.mend();
  api = await product.startApi();
  await product.startWorker();
  for (const answer of answers) expect([200, 201]).toContain((await answer).status);
  for (const transfer of [marking, marked, due]) {
    await transfer.says('**overdue**');
    expect(await transfer.alerts()).toEqual(['open']);
  }
  for (const transfer of all.values()) await goOn(transfer);
  for (const transfer of all.values()) await expectAsIfNothingHappened(transfer);
  const lost = await findInconsistencies(
    { db: product.db },
    { check: 'transfers_lost_units', mode: 'full', graceSeconds: 0 },
  );
  expect(lost).toEqual([]);
  await expectInvariants(product.db);
}, 400_000);

function unitsAt(transfers: readonly Transfer[]) {
  return Promise.all(transfers.map((transfer) => transfer.units()));
}

function endOf({ step }: Transfer) {
  return { received: 0, lost: 0, returned: 0, alerts: 0, ...STEPS[step] };
}

/** What is left of its course, once it is followed. */
async function goOn(transfer: Transfer): Promise<void> {
  const [end, now] = [endOf(transfer), await transfer.units()];
  if (!now) throw new Error(`never sent: ${transfer.step}`);
  if (now.open === 0) return;
  await transfer.says(`receive ${now.open} of ${UNITS}`);
  const [quantity, lost] = [end.received - now.received, end.lost - now.lost];
  if (quantity > 0) await transfer.wish(product, ['receive', { quantity }]);
  if (lost > 0) await transfer.wish(product, ['receive', { lost }]);
  if (end.returned > now.returned) await transfer.wish(product, BACK);
}

async function expectAsIfNothingHappened(transfer: Transfer): Promise<void> {
  const { step, sku } = transfer;
  const { alerts, ...units } = endOf(transfer);
  const { received, lost, returned } = units;
  const status = returned > 0 ? 'cancelled' : 'completed';
  expect([step, await transfer.handle.result()]).toEqual([step, { status, ...units }]);
  expect([step, await transfer.units()]).toEqual([step, { ...units, open: 0 }]);
  expect([step, await transfer.alerts()]).toEqual([step, Array.from({ length: alerts }, () => 'resolved')]);
  expect([step, await transfer.ledger()]).toEqual([
    step,
    {
      'transfer_out AMS': -UNITS,
      ...(received + lost > 0 ? { 'transfer_in BER': received + lost } : {}),
      ...(lost > 0 ? { 'write_off BER': -lost } : {}),
      ...(returned > 0 ? { 'transfer_in AMS': returned } : {}),
    },
  ]);
  expect([step, await levelsOf(product.db, sku)]).toEqual([
    step,
    { AMS: [10 - UNITS + returned, 0], ...(received > 0 ? { BER: [received, 0] } : {}) },
  ]);
  await waitFor(async () => (await transfer.messages()).length === 0, 60_000);
}
