import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { openDatabase } from '../../platform/database/database';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { testLogger } from '../support/servers';
import { waitFor } from '../support/wait';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** Between a client and PostgreSQL; once `held`, what PostgreSQL sends is kept back and goes out in one packet. */
async function openProxy(target: URL) {
  const sockets: Socket[] = [];
  let held: Buffer[] | undefined;
  let near: Socket | undefined;
  const server = createServer((client) => {
    const far = connect(Number(target.port), target.hostname);
    near = client;
    sockets.push(client, far);
    client.pipe(far);
    far.on('data', (chunk: Buffer) => (held ? held.push(chunk) : client.write(chunk)));
    for (const socket of [client, far]) socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(target);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.toString(),
    hold: () => void (held = []),
    heldText: () => Buffer.concat(held ?? []).toString('latin1'),
    flush: () => near?.write(Buffer.concat(held ?? [])),
    /** As when the server has died with unread data: the client's socket fails with ECONNRESET. */
    reset: () => near?.resetAndDestroy(),
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

test('a connection that ends just as it is handed on to the next who waits fails that one only', async () => {
  const proxy = await openProxy(new URL(database.url));
  const db = openDatabase({ url: proxy.url, poolSize: 1, log: testLogger() });
  const direct = openDatabase({ url: database.url, poolSize: 1, log: testLogger() });
  try {
    const { rows } = await db.pool.query<{ pid: number }>('select pg_backend_pid() as pid');
    proxy.hold();
    const first = db.pool.query(`select 'answered' as text`);
    await waitFor(() => proxy.heldText().includes('answered'));
    const next = db
      .transaction((tx) => tx.query({ name: 'test.next', text: 'select 1' }))
      .catch((error: unknown) => error);
    await direct.pool.query('select pg_terminate_backend($1)', [rows[0]!.pid]);
    await waitFor(() => proxy.heldText().includes('57P01'));
    // The answer and the end of the connection, in one packet.
    proxy.flush();
    expect((await first).rows).toEqual([{ text: 'answered' }]);
    expect(await next).toMatchObject({ message: expect.stringContaining('not queryable') as string });
  } finally {
    proxy.close();
    await db.close();
    await direct.close();
  }
});

test('a transaction whose connection is reset in the middle of a statement is run again', async () => {
  const proxy = await openProxy(new URL(database.url));
  const db = openDatabase({ url: proxy.url, poolSize: 1, log: testLogger() });
  try {
    const failures: unknown[] = [];
    const result = await db.retrying(async (tx) => {
      // Answered, so that BEGIN is no longer what fails.
      await tx.query({ name: 'test.first', text: 'select 1' });
      const isFirst = failures.length === 0;
      const waiting = tx.query({
        name: 'test.waits',
        text: 'select pg_sleep($1::float8)',
        values: [isFirst ? 60 : 0],
      });
      if (isFirst) proxy.reset();
      await waiting.catch((error: unknown) => {
        failures.push(error);
        throw error;
      });
      return 'done';
    });
    expect(result).toBe('done');
    expect(failures).toMatchObject([{ code: 'ECONNRESET' }]);
  } finally {
    proxy.close();
    await db.close();
  }
});
