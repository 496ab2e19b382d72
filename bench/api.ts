import { randomBytes } from 'node:crypto';
import { Pool } from 'pg';
import { createKeyReader } from '../domain/identity/key-reader';
import { createAccessTokenReader, issueAccessToken } from '../domain/identity/signing/access-tokens';
import { createSigningKeys } from '../domain/identity/signing/signing-keys';
import { openDatabase, type Database } from '../platform/database/database';
import { newId } from '../platform/ids';
import { createLogger } from '../platform/telemetry/log';
import { BENCH_HEADERS, insertBenchKey } from './access-key';
import { fillForExplain } from './explain/fill';
import { alternate, startTarget, type Target } from './http-load';
import type { BareRead } from './http-target';
import { startBenchPostgres } from './servers';
import { report, rounded } from './windows';

/** BENCH_API_… for trying: products at 100 locations, and orders of one line. */
const STOCK_ROWS = Number(process.env.BENCH_API_STOCK_ROWS ?? 1_000_000);
const ORDERS = Number(process.env.BENCH_API_ORDERS ?? 100_000);
const SECONDS = Number(process.env.BENCH_API_SECONDS ?? 8);
const ROUNDS = 3;
/** Orders among which the load chooses. */
const CHOSEN_ORDERS = 20_000;
/** Sign-ins that are timed, and how many of them are asked for at once. */
const SIGN_INS = 20_000;
const AT_ONCE = 64;

const READS: readonly (BareRead & { read: 'order' | 'inventory' | 'product' })[] = [
  {
    read: 'order',
    name: 'bare.order',
    path: '/api/v1/orders/:key',
    text: 'select * from orders where id = $1',
  },
  {
    read: 'inventory',
    name: 'bare.inventory',
    path: '/api/v1/inventory/:key',
    text: 'select s.* from products p join stock s on s.product_id = p.id where p.sku = $1',
  },
  {
    read: 'product',
    name: 'bare.product',
    path: '/api/v1/products/:key',
    text: 'select * from products where sku = $1',
  },
];

/**
 * Reads of an order, of stock and of a product a second, signed in by API key and by access token, beside a bare Express handler that makes
 * the same select by primary key; then what signing in costs by itself. Each server is a process of its own, the load a third; windows
 * alternate.
 */
export async function benchApi(): Promise<void> {
  const server = await startBenchPostgres();
  const pool = new Pool({ connectionString: server.url, max: 1 });
  const db = openDatabase({ url: server.url, poolSize: 20, log: createLogger('warn', 'bench') });
  const secret = randomBytes(32);
  const targets: Target[] = [];
  try {
    await fillForExplain(
      pool,
      { stockRows: STOCK_ROWS, ledgerRows: STOCK_ROWS, orders: ORDERS },
      () => undefined,
    );
    await insertBenchKey(pool);
    const { rows } = await pool.query<{ id: string }>('select id from orders limit $1', [CHOSEN_ORDERS]);
    await pool.end();
    const tokens = await benchTokens(db, secret);
    const env = { SIGNING_KEYS_SECRET: secret.toString('base64') };
    const api = await startTarget({ serve: 'api', databaseUrl: server.url, env });
    targets.push(api);
    const bare = await startTarget({ serve: 'selects', databaseUrl: server.url, reads: READS });
    targets.push(bare);
    const chosen = rows.map(({ id }) => id);
    await compare({ api, bare, orders: chosen, accessToken: await tokens.issue() });
    await timeSignIns(db, tokens);
  } finally {
    for (const target of targets) await target.stop();
    await db.close();
    await server.stop();
  }
}

async function compare(given: {
  api: Target;
  bare: Target;
  orders: readonly string[];
  accessToken: string;
}): Promise<void> {
  const { api, bare, orders, accessToken } = given;
  const products = Math.floor(STOCK_ROWS / 100);
  const some = (count: number) => Math.floor(Math.random() * count);
  const keyOf = {
    order: () => orders[some(orders.length)] ?? '',
    inventory: () => `BENCH-${1 + some(products)}`,
    product: () => `BENCH-${1 + some(products)}`,
  };
  for (const { read, path: template } of READS) {
    const path = () => template.replace(':key', keyOf[read]());
    const loads = [
      { target: api, path, headers: BENCH_HEADERS },
      { target: api, path, headers: { authorization: `Bearer ${accessToken}` } },
      { target: bare, path, headers: BENCH_HEADERS },
    ];
    const [byKey, byToken, others] = await alternate(loads, { rounds: ROUNDS, seconds: SECONDS });
    if (!byKey || !byToken || !others) throw new Error('three loads have three results');
    report({
      bench: 'api',
      read,
      perSecond: Math.round(byKey.perSecond),
      byTokenPerSecond: Math.round(byToken.perSecond),
      barePerSecond: Math.round(others.perSecond),
      ratio: rounded(byKey.perSecond / others.perSecond),
      byTokenRatio: rounded(byToken.perSecond / others.perSecond),
      p50Ms: rounded(byKey.p50Ms),
      p99Ms: byKey.p99Ms,
      bareP50Ms: rounded(others.p50Ms),
      bareP99Ms: others.p99Ms,
      bytes: Math.round(byKey.bytes),
      bareBytes: Math.round(others.bytes),
    });
  }
}

interface Tokens {
  issue(): Promise<string>;
  issueMany(count: number): Promise<string[]>;
  read(token: string): Promise<unknown>;
}

/** Access tokens of an operator, by the keys of the database. */
async function benchTokens(db: Database, secret: Buffer): Promise<Tokens> {
  const keys = createSigningKeys({ db, secret });
  const names = { issuer: 'holdfast', audience: 'holdfast-api' };
  const reader = createAccessTokenReader(keys, names);
  const operator = { sessionId: newId(), userId: newId(), role: 'operator', signedInAt: new Date() } as const;
  // The first one makes the key.
  await keys.current();
  return {
    issue: () => issueAccessToken(keys, names, operator),
    async issueMany(count) {
      const issued: string[] = [];
      while (issued.length < count)
        issued.push(await issueAccessToken(keys, names, { ...operator, sessionId: newId() }));
      return issued;
    },
    read: (token) => reader.read(token),
  };
}

/** Microseconds of one sign-in where one comes after the other, and of each where many come at once. */
async function timeSignIns(db: Database, tokens: Tokens): Promise<void> {
  const keys = createKeyReader({ db, log: createLogger('warn', 'bench') });
  const key = BENCH_HEADERS['x-api-key'];
  const token = await tokens.issue();
  // More than are remembered, in turn: each is read as if it came for the first time.
  const many = await tokens.issueMany(SIGN_INS);
  let next = 0;
  const readFirst = () => tokens.read(many[next++ % many.length] ?? '');
  report({
    bench: 'api',
    signIn: 'microseconds',
    key: await microseconds(() => keys.principalOf(key), 1),
    keyAmongMany: await microseconds(() => keys.principalOf(key), AT_ONCE),
    tokenFirst: await microseconds(readFirst, 1),
    tokenFirstAmongMany: await microseconds(readFirst, AT_ONCE),
    tokenAgain: await microseconds(() => tokens.read(token), 1),
  });
  await keys.close();
}

async function microseconds(work: () => Promise<unknown>, atOnce: number): Promise<number> {
  const lane = async (count: number) => {
    for (let done = 0; done < count; done++) await work();
  };
  const lanes = (count: number) => Promise.all(Array.from({ length: atOnce }, () => lane(count / atOnce)));
  await lanes(SIGN_INS / 10);
  const begun = performance.now();
  await lanes(SIGN_INS);
  return rounded(((performance.now() - begun) / SIGN_INS) * 1_000, 1);
}
