import { chmod, copyFile, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client, Pool } from 'pg';
import { startEmbeddedPostgres } from '../platform/embedded/postgres';
import { migrate, migrationsDirectory } from '../platform/database/migrations';
import { stackOf } from '../platform/errors';
import { createLogger, type Logger } from '../platform/telemetry/log';
import { asLoader, fillProducts, fillWarehouses } from './fill';

const MIGRATIONS = migrationsDirectory();
/** The first that is measured, by its number; what comes before is the database that is upgraded. */
const FROM = process.env.LOCKS_FROM ?? '0024';
/** Entries of the ledger; everything else is sized by it. */
const LEDGER_ROWS = Number(process.env.LOCKS_LEDGER_ROWS ?? 1_500_000);
const PLACES = 10;
const SAMPLE_MS = 3;
/** How often a migration may fail beside the writers, before it is applied without them. */
const ATTEMPTS = 3;

/** What a writer has to wait for: RowExclusiveLock does not go with these. */
const BLOCKING = ['ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'];

interface Measured {
  file: string;
  seconds: number;
  /** How often it failed beside the writers and was begun anew; what it took then does not count. */
  failed: number;
  /** The longest that one of the tables of before was locked against writers, and which. */
  lockMs: number;
  table: string;
  /** The longest transaction of each writer meanwhile, whatever it waited for. */
  waits: Record<string, number>;
}

/**
 * `npm run migration-locks`: fills a database as version 0.1 left it, and applies every later migration while writers go on. Prints for
 * each how long tables were locked against writers at most, and how long a write took at most.
 */
async function main(): Promise<void> {
  const log = createLogger(process.env.LOG_LEVEL ?? 'error', 'bench');
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-locks-'));
  await chmod(folder, 0o711);
  const server = await startEmbeddedPostgres({ dataDir: join(folder, 'pg'), log });
  const url = server.url('holdfast');
  const directory = join(folder, 'migrations');
  await mkdir(directory);
  const pool = new Pool({ connectionString: url, max: 2 });
  try {
    const files = (await readdir(MIGRATIONS)).filter((name) => name.endsWith('.sql')).sort();
    for (const file of files.filter((name) => name < FROM)) await take(file, directory);
    await migrate(url, log, { directory, createDatabase: true });
    await fill(pool, (what) => process.stderr.write(`filled: ${what}\n`));
    const measured: Measured[] = [];
    for (const file of files.filter((name) => name >= FROM)) {
      await take(file, directory);
      measured.push(await measure({ url, log, directory, file }));
      process.stderr.write(`applied: ${file}\n`);
    }
    process.stdout.write(asTable(measured));
  } finally {
    await pool.end();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

const take = (file: string, directory: string) => copyFile(join(MIGRATIONS, file), join(directory, file));

interface Application {
  url: string;
  log: Logger;
  directory: string;
  file: string;
}

async function measure(application: Application): Promise<Measured> {
  const { url, file } = application;
  const stop = new AbortController();
  const quiet = new AbortController();
  const beside = Promise.all([
    sample(url, stop.signal),
    Promise.all(
      Object.entries(WRITERS).map(async ([name, statements]) => [
        name,
        await write(url, statements, AbortSignal.any([stop.signal, quiet.signal])),
      ]),
    ),
  ]);
  let applied: Pick<Measured, 'seconds' | 'failed'>;
  try {
    await pause(300);
    applied = await apply(application, () => {
      quiet.abort();
    });
    await pause(100);
  } finally {
    // Also where it fails: they end before the server does, and what is thrown is why it failed.
    stop.abort();
    await beside.catch(() => undefined);
  }
  const [locks, waits] = await beside;
  return { file, ...applied, ...locks, waits: Object.fromEntries(waits) as Record<string, number> };
}

/** As an operator does it: one that failed, which changes nothing, is begun anew, in the end while nobody writes. */
async function apply(
  { url, log, directory }: Application,
  stopWriters: () => void,
): Promise<Pick<Measured, 'seconds' | 'failed'>> {
  for (let failed = 0; ; failed++) {
    if (failed === ATTEMPTS) stopWriters();
    const begun = performance.now();
    try {
      await migrate(url, log, { directory });
      return { seconds: (performance.now() - begun) / 1_000, failed };
    } catch (error) {
      if (failed === ATTEMPTS) throw error;
      process.stderr.write(`failed: ${String(error)}\n`);
    }
  }
}

/** Looks at what the migration holds, again and again. Tables that it makes itself are nobody else's. */
async function sample(url: string, stop: AbortSignal): Promise<Pick<Measured, 'lockMs' | 'table'>> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const before = await client.query<{ oid: number }>(
    `select oid::bigint::int as oid from pg_class where relkind in ('r', 'p')`,
  );
  const known = before.rows.map(({ oid }) => oid);
  const since = new Map<string, number>();
  const longest = { lockMs: 0, table: '' };
  while (!stop.aborted) {
    const now = performance.now();
    const { rows } = await client.query<{ table: string }>({
      name: 'sample',
      text: `select l.relation::regclass::text as table from pg_locks l join pg_stat_activity a on a.pid = l.pid
             where a.application_name = 'holdfast-migrate' and l.granted
               and l.relation = any ($1::oid[]) and l.mode = any ($2::text[]) group by 1`,
      values: [known, BLOCKING],
    });
    const held = new Set(rows.map(({ table }) => table));
    for (const table of since.keys()) if (!held.has(table)) since.delete(table);
    for (const table of held) {
      const from = since.get(table) ?? now;
      since.set(table, from);
      // Without the time between two looks: what is reported was held for at least so long.
      const ms = now - from;
      if (ms > longest.lockMs) Object.assign(longest, { lockMs: ms, table });
    }
    await pause(SAMPLE_MS);
  }
  await client.end();
  return longest;
}

/** What shops write all the time, in statements that hold from the first schema that is measured to the last. */
const WRITERS: Readonly<Record<string, readonly string[]>> = {
  // Of a product without lots
  sale: [
    `select 1 from stock where product_id = $1 and warehouse_id = $2 for no key update`,
    `update stock set reserved = reserved + 1 where product_id = $1 and warehouse_id = $2 and available > 0`,
    `with made as (insert into reservations (id, kind, status, expires_at) values (gen_random_uuid(), 'hold', 'pending', now() + interval '1 hour') returning id),
     lined as (insert into reservation_lines (reservation_id, product_id, warehouse_id, quantity, open_quantity) select id, $1, $2, 1, 1 from made)
     insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reservation_id)
     select $1, $2, 'reserve', 0, 1, id, id from made`,
    `insert into outbox (topic, key) values ('reservations.due', '')`,
  ],
  // Of a product with lots and serial numbers
  tracked: [
    `select 1 from stock where product_id = $3 and warehouse_id = $2 for no key update`,
    `update stock set on_hand = on_hand + 1 where product_id = $3 and warehouse_id = $2`,
    `insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
     values ($3, $2, 'receipt', 1, 0, gen_random_uuid())`,
  ],
  // What a carrier tells of a parcel
  parcel: [
    `insert into carrier_events (carrier, event_id, shipment_id, type) values ('bench', gen_random_uuid()::text, gen_random_uuid(), 'x')`,
    `update shipments set updated_at = now() where id = (select id from shipments where id >= gen_random_uuid() order by id limit 1)`,
    `update payments set updated_at = now() where id = (select id from payments where id >= gen_random_uuid() order by id limit 1)`,
    `update orders set updated_at = now() where id = (select id from orders where id >= gen_random_uuid() order by id limit 1)`,
  ],
};

async function write(url: string, statements: readonly string[], stop: AbortSignal): Promise<number> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const { tracked, products } = sizes();
  let longest = 0;
  while (!stop.aborted) {
    const product = tracked + 1 + Math.floor(Math.random() * (products - tracked));
    const place = 1 + Math.floor(Math.random() * PLACES);
    const of = [product, place, 1 + Math.floor(Math.random() * tracked)];
    const begun = performance.now();
    await client.query('begin');
    try {
      for (const text of statements) {
        const numbers = [...new Set([...text.matchAll(/\$(\d)/g)].map(([, at]) => Number(at)))].sort();
        const renumbered = text.replace(/\$(\d)/g, (_, at) => `$${numbers.indexOf(Number(at)) + 1}::int`);
        await client.query(
          renumbered,
          numbers.map((at) => of[at - 1]),
        );
      }
      await client.query('commit');
    } catch (error) {
      await client.query('rollback');
      process.stderr.write(`a write failed: ${stackOf(error)}\n`);
    }
    longest = Math.max(longest, performance.now() - begun);
    await pause(5);
  }
  await client.end();
  return longest;
}

function sizes() {
  const products = Math.max(200, Math.round(LEDGER_ROWS / 75));
  return { products, tracked: Math.round(products / 10), orders: Math.round(LEDGER_ROWS / 8) };
}

async function fill(pool: Pool, told: (what: string) => void): Promise<void> {
  const { products, tracked, orders } = sizes();
  await fillWarehouses(pool, PLACES);
  await fillProducts(pool, products);
  await asLoader(pool, async (client) => {
    for (const [what, statement] of Object.entries(FILLING)) {
      const numbers = { products, tracked, orders, places: PLACES, ledger: LEDGER_ROWS };
      const text = statement.replace(/:([a-z]+)\b(?!:)/g, (all, name: string) =>
        name in numbers ? String(numbers[name as keyof typeof numbers]) : all,
      );
      await client.query(text);
      told(what);
    }
  });
  await pool.query('vacuum analyze');
}

/** In the first schema that is measured. Lots and serial numbers of a place are as many as there are units. */
const FILLING: Readonly<Record<string, string>> = {
  'stock, a tenth of it tracked': `
    update products set lot_tracked = true, serialised = true where id <= :tracked;
    insert into stock (product_id, warehouse_id, on_hand, low_stock_threshold)
    select p, w, case when p <= :tracked then 16 else 100000 end, 5 from generate_series(1, :products) p, generate_series(1, :places) w`,
  ledger: `
    insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
    select 1 + n % :products, 1 + n % :places, 'adjust', 1, 0, gen_random_uuid() from generate_series(1, :ledger) n;
    insert into ledger_keys (key) select kind || ':' || effect_id from inventory_transactions`,
  lots: `
    insert into lots (product_id, warehouse_id, code, expires_on, quantity)
    select p, w, 'LOT-' || p || '-' || c, date '2030-01-01' + c, 4
    from generate_series(1, :tracked) p, generate_series(1, :places) w, generate_series(1, 4) c;
    insert into lot_movements (lot_id, product_id, warehouse_id, kind, effect_id, quantity)
    select id, product_id, warehouse_id, 'receipt', gen_random_uuid(), 1 from lots, generate_series(1, 4)`,
  'serial numbers': `
    insert into serials (product_id, serial, warehouse_id, status)
    select p, 'S-' || p || '-' || w || '-' || n, w, 'in_stock'
    from generate_series(1, :tracked) p, generate_series(1, :places) w, generate_series(1, 16) n;
    insert into serial_movements (serial_id, warehouse_id, kind, effect_id) select id, warehouse_id, 'receipt', gen_random_uuid() from serials`,
  orders: `
    create table made as select gen_random_uuid() as order_id, gen_random_uuid() as hold_id, gen_random_uuid() as payment_id, n
      from generate_series(1, :orders) n;
    insert into orders (id, customer_id, status, fulfilment, currency, total_minor, reservation_seconds, input)
      select order_id, 'c', 'fulfilled', 'complete', 'USD', 100, 900, '{}' from made;
    insert into order_items (order_id, line, product_id, sku, quantity, unit_price_minor, fulfilled_quantity)
      select order_id, 1, 1 + n % :products, 'BENCH-' || (1 + n % :products), 1, 100, 1 from made;
    insert into order_events (order_id, seq, type) select order_id, s, 'step' from made, generate_series(1, 4) s;
    insert into reservations (id, kind, order_id, status, expires_at) select hold_id, 'order', order_id, 'shipped', now() from made;
    insert into reservation_lines (reservation_id, product_id, warehouse_id, quantity, open_quantity)
      select hold_id, 1 + n % :products, 1, 1, 0 from made;
    insert into payments (id, order_id, reservation_id, attempt, update_id, status, amount_minor, currency, method, token, gateway)
      select payment_id, order_id, hold_id, 1, 'u', 'captured', 100, 'USD', 'card', 't', 'sandbox' from made;
    insert into refunds (id, payment_id, order_id, amount_minor, reason, status)
      select gen_random_uuid(), payment_id, order_id, 1, 'x', 'succeeded' from made where n % 20 = 0;
    insert into shipments (id, order_id, reservation_id, warehouse_id, status, carrier)
      select gen_random_uuid(), order_id, hold_id, 1, 'delivered', 'sandbox' from made;
    insert into shipment_items (shipment_id, product_id, sku, quantity) select id, 1, 'BENCH-1', 1 from shipments;
    insert into carrier_events (carrier, event_id, shipment_id, type) select 'sandbox', id || s, id, 'x' from shipments, unnest(array['a', 'b']) s;
    insert into sandbox_gateway.charges (idempotency_key, ref, amount_minor, currency, token, status)
      select payment_id, payment_id, 100, 'USD', 't', 'captured' from made;
    insert into idempotency_keys (caller, key, scope, fingerprint, subject_id, state, status) select 'a', order_id, 's', 'f', order_id, 'done', 201 from made`,
  'holds, transfers, receipts, counts': `
    insert into reservations (id, kind, status, expires_at) select gen_random_uuid(), 'hold', 'cancelled', now() from generate_series(1, :orders);
    insert into transfers (id, product_id, source_id, target_id, mode, status, quantity, received, actor, expected_at)
      select gen_random_uuid(), 1 + n % :products, 1, 2, 'in_transit', 'completed', 1, 1, 'a', now() from generate_series(1, :orders / 4) n;
    insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id, reference)
      select product_id, 2, 'transfer_in', 1, 0, gen_random_uuid(), 'transfer:' || id from transfers;
    insert into receipts (id, warehouse_id, supplier, supplier_reference, actor)
      select gen_random_uuid(), 1, 's', n::text, 'a' from generate_series(1, :orders / 4) n;
    insert into receipt_lines (receipt_id, line, product_id, quantity, unit_cost_minor, currency)
      select r.id, l, 1 + (row_number() over ()) % :products, 1, 10, 'USD' from receipts r, generate_series(1, 3) l;
    insert into product_costs (product_id, currency, average_minor) select id, 'USD', 10 from products;
    insert into count_sheets (id, warehouse_id, blind, tolerance, actor) select gen_random_uuid(), 1, false, 0, 'a' from generate_series(1, 200);
    insert into count_lines (sheet_id, product_id, expected, position) select s.id, p, 1, 1 from count_sheets s, generate_series(1, 1000) p`,
  'alerts, quality holds': `
    insert into alerts (kind, product_id, warehouse_id, status, resolved_at) select 'low_stock', 1 + n % :products, 1, 'resolved', now()
      from generate_series(1, :orders) n;
    insert into reservations (id, kind, status) select gen_random_uuid(), 'quality', 'confirmed' from generate_series(1, 5000);
    insert into quality_holds (id, product_id, warehouse_id, quantity, reason, actor) select id, 1, 1, 1, 'r', 'a' from reservations where kind = 'quality'`,
};

function asTable(measured: readonly Measured[]): string {
  const names = Object.keys(WRITERS);
  const ms = (value: number) => Math.round(value).toLocaleString('en');
  return [
    `| migration | takes, s | failed before | a table is locked, ms | which | ${names.map((name) => `${name}, ms`).join(' | ')} |`,
    `| --- | --- | --- | --- | --- | ${names.map(() => '---').join(' | ')} |`,
    ...measured.map(({ file, seconds, failed, lockMs, table, waits }) => {
      const cells = [
        file.replace('.sql', ''),
        seconds.toFixed(1),
        String(failed),
        ms(lockMs),
        table,
        ...names.map((name) => ms(waits[name] ?? 0)),
      ];
      return `| ${cells.join(' | ')} |`;
    }),
    '',
  ].join('\n');
}

main().catch((error: unknown) => {
  process.stderr.write(`${stackOf(error)}\n`);
  process.exitCode = 1;
});
