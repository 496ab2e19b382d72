import { manyParts, slowDown, speedUp, unitsOfParts } from '../feeds/slow-database';
import { openUploads } from '../feeds/uploads';
import { expectInvariants } from '../support/invariants';
import { startPrivatePostgres } from '../support/servers';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';

let server: Awaited<ReturnType<typeof startPrivatePostgres>>;
let stack: Stack;
beforeAll(async () => {
  server = await startPrivatePostgres();
});
afterAll(() => server.stop());
afterEach(() => stack.stop());

test.each(['immediate', 'fast'] as const)(
  'a PostgreSQL that is restarted (%s) during a feed changes nothing about what it comes to',
  async (mode) => {
    stack = await startStack({ postgres: server, api: true, settings: { FEED_BATCH_ROWS: 50 } });
    const feeds = openUploads(stack);
    const feed = await manyParts(stack.db, 1_000);
    await slowDown(stack.db, 0.3);
    const { jobId } = await feeds.accepted(feed, { query: '?mode=delta' });
    await waitFor(async () => (await feeds.job(jobId)).processed > 0);
    await server.restart(mode);
    await waitFor(() => speedUp(stack.db).then(() => true));
    expect(await feeds.ended(jobId)).toMatchObject({
      status: 'completed',
      result: { applied: 1_000, left: 0 },
    });
    expect(await unitsOfParts(stack.db)).toEqual({ 1: 1_000 });
    await expectInvariants(stack.db);
  },
  300_000,
);
