import { Writable } from 'node:stream';
import { DatabaseError } from 'pg';
import { createAccessLog, pathOf, type AccessLine } from '../../api/http/access-log';
import { runIn } from '../../platform/telemetry/context';
import { createLogger, loggerOf } from '../../platform/telemetry/log';

function record(level = 'info', format: 'json' | 'text' = 'json') {
  const lines: string[] = [];
  const sink = new Writable({
    write(line: Buffer, _encoding, done) {
      lines.push(line.toString('utf8'));
      done();
    },
  });
  return { log: createLogger(level, 'test', { destination: sink, format }), lines };
}

const PATH = '/api/v1/orders/1';
const LINE: Omit<AccessLine, 'path'> = {
  method: 'GET',
  route: '/api/v1/orders/{id}',
  status: 200,
  milliseconds: 1,
  caller: 'service:1',
};

test.each([
  ['an API key', 'hf_live_0b0d6a64000040008000000000000002_hunter2hunter2'],
  ['a signing secret', 'whsec_aHVudGVyMmh1bnRlcjI='],
  ['the key of a gateway', 'sk_live_hunter2'],
  ['an access token', 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJodW50ZXIyIn0.c2lnbmF0dXJl'],
  ['the password of an address', 'postgresql://user:hunter2@host/db'],
])('%s is not shown, wherever it is', (_what, secret) => {
  const { log, lines } = record();
  log.info({ a: { b: secret }, err: new Error(`refused ${secret}`) }, `about ${secret}`);
  log.info({ password: 'hunter2', request: { authorization: 'hunter2' } });
  expect(lines).toHaveLength(2);
  expect(lines.join('')).toContain('[secret]');
  expect(lines.join('')).not.toMatch(/hunter2|aHVudGVy|eyJzdWIi|c2lnbmF0dXJl/);
  for (const line of lines) expect(() => JSON.parse(line) as unknown).not.toThrow();
});

test('no value of a row is shown of an error of PostgreSQL, alone, as a cause or among others', () => {
  const { log, lines } = record();
  const violation = Object.assign(new DatabaseError('duplicate key value violates', 0, 'error'), {
    code: '23505',
    constraint: 'user_profiles_email',
    detail: 'Key (lower(email))=(jane@example.com) already exists.',
    where: 'SQL statement of jane@example.com',
    internalQuery: "select 'jane@example.com'",
    query: "select 'jane@example.com'",
    parameters: ['jane@example.com'],
  });
  const unread = Object.assign(
    new DatabaseError('invalid input syntax for type uuid: "jane@example.com"', 0, 'error'),
    { code: '22P02' },
  );
  log.error({ err: violation }, 'alone');
  log.error({ err: unread }, 'unread');
  log.error({ err: new Error('failed', { cause: violation }) }, 'as a cause');
  log.error({ err: new AggregateError([violation, unread], 'failed') }, 'among others');
  log.error({ err: Object.assign(new Error('failed'), { inner: violation }) }, 'inside');
  expect(lines).toHaveLength(5);
  expect(lines.join('')).not.toContain('jane');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    err: {
      type: 'DatabaseError',
      code: '23505',
      constraint: 'user_profiles_email',
      stack: expect.any(String) as string,
    },
  });
  expect(lines[1]).toContain('invalid input syntax for type uuid');
});

test('lines carry the ids of the work that runs, once each, and a logger of its own keeps its own', async () => {
  const { log, lines } = record();
  await runIn({ fields: { requestId: 'r-1' } }, async () => {
    await Promise.resolve();
    runIn({ fields: { workflowId: 'order:1' } }, () => log.info('inside'));
    loggerOf(log, { requestId: 'r-2' }).info('apart');
  });
  log.info('outside');
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
    { requestId: 'r-1', workflowId: 'order:1' },
    { requestId: 'r-2' },
    {},
  ]);
  expect(lines.map((line) => line.match(/requestId/g)?.length ?? 0)).toEqual([1, 1, 0]);
});

describe('lines of requests', () => {
  test('of a flood are few, failures beside it are all shown, and how many there were besides is said', () => {
    const { log, lines } = record();
    const windows: (() => void)[] = [];
    const access = createAccessLog(log, (end) => windows.push(end));
    for (let n = 0; n < 1_000; n++) access.line({ log }, { ...LINE, status: 404, code: 'NOT_FOUND' }, PATH);
    access.line({ log }, { ...LINE, status: 500, code: 'INTERNAL' }, PATH);
    expect(lines).toHaveLength(101);
    expect(windows).toHaveLength(1);
    for (const end of windows) end();
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ omitted: { refusals: 900 } });
    access.line({ log }, LINE, PATH);
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ msg: 'request', status: 200 });
  });

  test.each([
    [
      '/api/v1/orders/{id}/notes/{noteId}',
      '/api/v1/orders/0190c2a4-0000-7000-8000-000000000001/notes/7?x=jane',
      '/api/v1/orders/0190c2a4-0000-7000-8000-000000000001/notes/{noteId}',
    ],
    ['/api/v1/users/{id}', '/api/v1/users/jane%40example.com', '/api/v1/users/{id}'],
    ['/api/v1/tags/{tag}', '/API/v1/tags/free%20text/', '/api/v1/tags/{tag}'],
    ['unmatched', `/${'a'.repeat(15_000)}`, undefined],
  ])('of %s show ids of a path and nothing else of it', (route, url, shown) => {
    expect(pathOf(route, url)).toBe(shown);
  });

  test('are not written for what machines ask all the time', () => {
    const { log, lines } = record();
    createAccessLog(log).line({ log }, { ...LINE, route: '/metrics' }, '/metrics');
    expect(lines).toEqual([]);
  });
});

test('as text a line is for people, with the stack of an error below it, and no line that it was not told', () => {
  const { log, lines } = record('info', 'text');
  log.info({ orderId: 'o-1', details: { a: 1 } }, 'an order\nERROR forged');
  log.error({ err: new Error('broken') }, 'it failed');
  const [info = '', error = ''] = lines;
  expect(info).toMatch(
    /^\d{4}-\d\d-\d\dT[\d:.]+Z INFO {2}test: an order\\u000aERROR forged orderId=o-1 details=\{"a":1\}\n$/,
  );
  expect(error).toMatch(/^\S+ ERROR test: it failed\n {4}Error: broken\n {4}at /);
  for (const line of error.trimEnd().split('\n').slice(1)) expect(line).toMatch(/^ {4}\S/);
});

test('no secret is shown as text either', () => {
  const { log, lines } = record('info', 'text');
  log.info(
    { err: new Error('refused sk_live_hunter2'), password: 'hunter2' },
    'about whsec_aHVudGVyMmh1bnRlcjI=',
  );
  expect(lines.join('')).toContain('[secret]');
  expect(lines.join('')).not.toMatch(/hunter2|aHVudGVy/);
});
