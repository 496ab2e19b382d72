import { newId } from '../../platform/ids';
import { ADMIN_CALLER } from '../support/access-keys';
import type { StackOptions } from '../support/stack';
import { AUDITED, type AuditedTest } from './audit-table';
import { openStackApi, type StackApi } from './stack-api';
import type { CallOptions, Reply } from './support';

/** Where a change is recorded, with whoever made it: an entry of the log, an event of an order, an entry of the ledger. */
type Recorded = { log: string } | { event: string } | { ledger: string };

interface RecordedCall {
  params?: { [name: string]: string };
  query?: string;
  body?: unknown;
  options?: CallOptions;
  /** Unless given, the administrator of the tests. */
  actor?: string;
}

/** Calls a route, which succeeds, and finds who called it where the change is recorded. */
export type ExpectRecorded = (route: string, record: Recorded, call: RecordedCall) => Promise<Reply>;

/**
 * A stack for the tests of a file, and what makes one: a test calls the routes that `AUDITED` names under its name, each of which must be
 * recorded, and no others.
 */
export function auditedTests(options: StackOptions = {}) {
  let test: StackApi;
  beforeAll(async () => {
    test = await openStackApi(options);
  });
  afterAll(() => test.stack.stop());
  return (name: AuditedTest, run: (test: StackApi, expectRecorded: ExpectRecorded) => Promise<void>): void =>
    it(`${name}: each change has who made it`, async () => {
      const recorded = new Set<string>();
      await run(test, async (route, record, call) => {
        const reply = await expectRecorded(test, route, record, call);
        recorded.add(route);
        return reply;
      });
      expect([...recorded].sort()).toEqual([...AUDITED[name]].sort());
    });
}

async function expectRecorded(
  test: StackApi,
  route: string,
  record: Recorded,
  args: RecordedCall,
): Promise<Reply> {
  const [method = '', template = ''] = route.split(' ');
  const path = template.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(args.params?.[name] ?? ''),
  );
  const pool = test.stack.db.pool;
  const { rows } = await pool.query<{ log: string; ledger: string; at: string }>(
    `select (select coalesce(max(id), 0) from audit_log)::text as log, clock_timestamp()::text as at,
            (select coalesce(max(id), 0) from inventory_transactions)::text as ledger`,
  );
  const before = rows[0]!;
  const headers: { [name: string]: string } =
    method === 'PUT' ? { 'if-match': '*' } : { 'idempotency-key': newId() };
  const reply = await test.call(method, args.query === undefined ? path : `${path}?${args.query}`, {
    ...args.options,
    headers: { ...headers, ...args.options?.headers },
    ...(args.body === undefined ? {} : { body: args.body }),
  });
  expect([route, reply.status, reply.status >= 300 ? reply.body : '']).toEqual([
    route,
    expect.any(Number),
    '',
  ]);
  const [table, what, since] =
    'log' in record
      ? ['select action as what, actor from audit_log where id > $1::bigint', record.log, before.log]
      : 'event' in record
        ? ['select type as what, actor from order_events where at > $1::timestamptz', record.event, before.at]
        : [
            'select kind as what, actor from inventory_transactions where id > $1::bigint',
            record.ledger,
            before.ledger,
          ];
  const found = (await pool.query<{ what: string; actor: string | null }>(table, [since])).rows;
  const actor = args.actor ?? ADMIN_CALLER;
  expect([route, found]).toEqual([route, expect.arrayContaining([{ what, actor }])]);
  if ('log' in record) {
    const { rows: asked } = await pool.query<{ id: string }>(
      'select request_id as id from audit_log where id > $1::bigint and action = $2 and request_id is not null',
      [before.log, what],
    );
    expect([route, asked.map(({ id }) => id)]).toEqual([
      route,
      expect.arrayContaining([reply.headers.get('x-holdfast-request-id')]),
    ]);
  }
  return reply;
}
