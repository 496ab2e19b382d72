import { keepHistory } from '../replay/record';
import { expectInvariants } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { manyParts, slowDown, speedUp, unitsOfParts } from './slow-database';
import { openUploads, type Uploads } from './uploads';

let stack: Stack;
let feeds: Uploads;
beforeAll(async () => {
  stack = await startStack({
    api: true,
    settings: { FEED_BATCH_ROWS: 5, FEED_SLOW_BATCH_MS: 150, FEED_LANES: 1 },
  });
  feeds = openUploads(stack);
});
afterAll(() => stack.stop());
afterEach(() => expectInvariants(stack.db));

async function words(jobId: string): Promise<string> {
  const handle = stack.temporal.client.workflow.getHandle(stack.names.jobWorkflowId(jobId));
  const metadata = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  return metadata.currentDetails ?? '';
}

test('an import pauses while the database is slow, says so, and goes on when it is quick again', async () => {
  const feed = await manyParts(stack.db, 60);
  await slowDown(stack.db, 0.2);
  const { jobId } = await feeds.accepted(feed, { query: '?mode=delta' });
  const paused = await waitFor(async () => {
    const job = await feeds.job(jobId);
    return job.details['breaker'] === 'open' ? job : undefined;
  });
  expect(paused).toMatchObject({ status: 'running', processed: 15, total: 60 });
  await waitFor(async () => (await words(jobId)).includes('Paused: the database is slow or failing.'));
  await speedUp(stack.db);
  expect(await feeds.ended(jobId)).toMatchObject({
    status: 'completed',
    details: { breaker: 'closed' },
    result: { applied: 60, left: 0 },
  });
  expect(await unitsOfParts(stack.db)).toEqual({ 1: 60 });
  const handle = stack.temporal.client.workflow.getHandle(stack.names.jobWorkflowId(jobId));
  await handle.result();
  await keepHistory(handle, 'feed-paused');
});
