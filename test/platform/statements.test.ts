import type { SqlCheck } from '../../domain/assurance/types';
import { statementOf } from '../../domain/assurance/checks/checks';
import type { Statement } from '../../platform/database/database';
import { readStatements, type Choices, type StatementSite } from '../support/statements';
import { openTestShop } from '../support/fixtures';

/** Statements by name, each with the texts it was given and where. */
type Texts = Map<string, Map<string, string>>;

const QUERIES_PER_CALL = 20;

/** Returns every use with itself: a value of any shape, with which a function that writes a statement gets as far as to send it. */
function anything(special: Readonly<Record<string, unknown>> = {}): unknown {
  const proxy: unknown = new Proxy(() => undefined, {
    get(_, key) {
      if (typeof key === 'string' && key in special) return special[key];
      if (key === 'then') return undefined;
      if (key === Symbol.toPrimitive) return (hint: string) => (hint === 'number' ? 1 : 'anything');
      if (key === Symbol.iterator) return () => [proxy][Symbol.iterator]();
      if (key === 'length' || key === 'size') return 1;
      if (key === 'toJSON') return () => 'anything';
      if (typeof key === 'string' && key in Array.prototype) {
        const member: unknown = [proxy][key as keyof unknown[]];
        return typeof member === 'function'
          ? (...args: unknown[]) => Reflect.apply(member, [proxy], args) as unknown
          : member;
      }
      return proxy;
    },
    apply: () => proxy,
    has: () => true,
  });
  return proxy;
}

/** What a function is given to send its statements with. */
function recorder(record: (statement: Statement) => void): unknown {
  let sent = 0;
  const query = (statement: Statement) => {
    record(statement);
    sent += 1;
    if (sent > QUERIES_PER_CALL) return Promise.reject(new Error('enough was recorded'));
    return Promise.resolve({ rows: [anything()], rowCount: 1 });
  };
  return anything({ query });
}

function combinations(choices: Choices): unknown[][] {
  return choices.reduce<unknown[][]>(
    (made, values) => made.flatMap((before) => (values ?? [anything()]).map((value) => [...before, value])),
    [[]],
  );
}

async function collect(sites: readonly StatementSite[], parameters: Map<string, Choices>): Promise<Texts> {
  const texts: Texts = new Map();
  const add = (name: string, text: string, from: string) => {
    const known = texts.get(name) ?? new Map<string, string>();
    if (!known.has(text)) known.set(text, from);
    texts.set(name, known);
  };
  for (const file of new Set(sites.map((site) => site.file))) {
    const module = (await import(file)) as Record<string, unknown>;
    for (const [name, exported] of Object.entries(module)) {
      const record = (statement: Statement) => {
        if (statement.name) add(statement.name, statement.text, `${name} of ${file}`);
      };
      if (Array.isArray(exported)) recordChecks(exported, record);
      const [, ...choices] = parameters.get(`${file}#${name}`) ?? [];
      if (typeof exported !== 'function' || /^\s*class\b/.test(String(exported))) continue;
      const call = exported as (...args: unknown[]) => unknown;
      for (const rest of combinations(choices)) {
        // What it makes of values that mean nothing does not matter: whether its statement was sent is looked at later.
        await Promise.resolve()
          .then(() => call(recorder(record), ...rest))
          .catch(() => undefined);
      }
    }
  }
  // Those that nothing of a module's exports sends, as far as they are written out.
  for (const { literal, text, at } of sites) {
    if (literal !== null && text !== null && !texts.has(literal)) add(literal, text, at);
  }
  return texts;
}

/** A consistency check sends its statement in a wrapping of its own. */
function recordChecks(exported: readonly unknown[], record: (statement: Statement) => void): void {
  const isCheck = (value: unknown): value is SqlCheck =>
    typeof value === 'object' && value !== null && 'statement' in value;
  for (const check of exported.filter(isCheck)) {
    for (const mode of ['incremental', 'full'] as const) {
      for (const since of [null, new Date(0)]) {
        const run = { mode, since, limit: 1, graceSeconds: 0, summedUp: { xid: 0, id: 0 } };
        record(statementOf(check, run));
      }
    }
  }
}

describe('the prepared statements of the product', () => {
  const { sites, parameters } = readStatements();
  let texts: Texts;
  beforeAll(async () => {
    texts = await collect(sites, parameters);
  });

  test('are all found', () => {
    expect(sites.length).toBeGreaterThan(200);
    const missed = sites.filter(({ name }) => ![...texts.keys()].some((known) => name.test(known)));
    expect(missed.map(({ at, name }) => `${at} ${name.source}`)).toEqual([]);
  });

  test('have a name that says all that their text depends on', () => {
    expect(
      sites.filter(({ unnamed }) => unnamed.length > 0).map(({ at, unnamed }) => `${at} ${unnamed.join()}`),
    ).toEqual([]);
  });

  test('have one text for each name', () => {
    const shared = [...texts].filter(([, known]) => known.size > 1);
    expect(shared.map(([name, known]) => [name, ...known.values()])).toEqual([]);
    const literals = sites.flatMap(({ literal }) => literal ?? []);
    const written = (name: string) => sites.filter(({ literal }) => literal === name).map(({ at }) => at);
    const twice = literals.filter((name, place) => literals.indexOf(name) !== place);
    expect(twice.map((name) => [name, ...written(name)])).toEqual([]);
  });

  test('can be prepared on the migrated schema', async () => {
    const shop = await openTestShop();
    const failed: string[] = [];
    const client = await shop.db.pool.connect();
    try {
      // A partition of the ledger, as the one statement over a table that is named at run time sees it.
      await client.query('create view anything as select * from inventory_transactions');
      for (const [n, [name, known]] of [...texts].entries()) {
        for (const text of known.keys()) {
          // PREPARE takes no SET, LOCK or ANALYZE: those are sent as the product sends them.
          const isUtility = /^\s*(set|lock|analyze)\b/i.test(text);
          const prepared = isUtility
            ? client.query('begin').then(() => client.query({ name, text }))
            : client.query(`prepare s${n} as ${text}`);
          await prepared.catch((error: unknown) => failed.push(`${name}: ${String(error)}`));
          if (isUtility) await client.query('rollback');
        }
      }
    } finally {
      client.release(true);
      await shop.close();
    }
    expect(failed).toEqual([]);
    expect(texts.size).toBeGreaterThan(200);
    // PostgreSQL cuts longer ones, and two may become one.
    expect([...texts.keys()].filter((name) => name.length > 63)).toEqual([]);
  });
});
