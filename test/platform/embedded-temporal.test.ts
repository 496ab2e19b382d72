import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { isRunning } from '../../platform/embedded/processes';
import { ensureSearchAttributes } from '../../platform/temporal/namespace';
import { startChild } from '../support/child';
import { recordingLogger } from '../support/recording-logger';
import { scratchFolder, startPrivateTemporal, temporalAddress, temporalCliPath } from '../support/servers';
import { waitFor } from '../support/wait';

const CHILD = join(__dirname, 'children', 'start-temporal.ts');
const NAMESPACE = 'default';

async function withClient<T>(address: string, work: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await work(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

describe('a new server', () => {
  test('takes orders’ search attributes at once, and finds by them', async () => {
    const server = await startPrivateTemporal();
    await withClient(server.address, async ({ workflow }) => {
      await workflow.start('nobodyRunsThis', {
        taskQueue: 'none',
        workflowId: 'with-attributes',
        typedSearchAttributes: [
          { key: defineSearchAttributeKey('OrderStatus', 'KEYWORD'), value: 'reserved' },
          { key: defineSearchAttributeKey('CustomerId', 'KEYWORD'), value: 'c-42' },
          {
            key: defineSearchAttributeKey('Attention', 'KEYWORD_LIST'),
            value: ['refund_failed', 'disputed'],
          },
        ],
      });
      const query = `OrderStatus = 'reserved' and CustomerId = 'c-42' and Attention = 'refund_failed'`;
      await waitFor(async () => (await workflow.count(query)).count > 0);
      expect((await workflow.count(query)).count).toBe(1);
    });
    await server.stop();
  });

  test('keeps closed workflows for 30 days', async () => {
    const { config } = await withClient(temporalAddress(), ({ workflowService }) =>
      workflowService.describeNamespace({ namespace: NAMESPACE }),
    );
    expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(30 * 86_400);
  });

  test('is left alone by a second registration of the search attributes', async () => {
    const connection = await Connection.connect({ address: temporalAddress() });
    expect(await ensureSearchAttributes(connection, NAMESPACE)).toEqual([]);
    await connection.close();
  });

  test('shows its UI when asked to', async () => {
    const server = await startPrivateTemporal({ ui: true });
    const page = await waitFor(() => fetch(`${String(server.uiUrl)}/api/v1/settings`));
    expect(page.status).toBe(200);
    await server.stop();
  });
});

describe('a namespace that is not as it should be', () => {
  test('with an attribute of another type is refused by name', async () => {
    const refused = ensureSearchAttributes(pretend({ OrderStatus: 1 }), NAMESPACE);
    await expect(refused).rejects.toMatchObject({
      code: 'SEARCH_ATTRIBUTE_TYPE',
      details: { name: 'OrderStatus' },
    });
  });

  test('that we may not change is refused with the commands for an administrator', async () => {
    await expect(ensureSearchAttributes(pretend({}), NAMESPACE)).rejects.toMatchObject({
      code: 'SEARCH_ATTRIBUTES_MISSING',
      message: expect.stringContaining(
        'create --namespace default --name OrderStatus --type Keyword',
      ) as string,
    });
  });

  /** A cluster that denies changes, which the development server never does. */
  function pretend(customAttributes: Record<string, number>): Parameters<typeof ensureSearchAttributes>[0] {
    const denied = () =>
      Promise.reject(Object.assign(new Error('denied'), { code: 7, details: '', metadata: {} }));
    return {
      operatorService: {
        listSearchAttributes: () => Promise.resolve({ customAttributes }),
        addSearchAttributes: denied,
      },
      workflowService: { countWorkflowExecutions: denied },
      withDeadline: (_deadline: number, call: () => Promise<unknown>) => call(),
    } as never;
  }
});

describe('starting again', () => {
  test('after its starter was killed finds the workflows and leaves one server', async () => {
    const stateFile = join(await scratchFolder('temporal'), 'temporal.db');
    const child = startChild(CHILD, [temporalCliPath(), stateFile]);
    const first = (await child.answer) as { address: string; pid: number };
    await withClient(first.address, ({ workflow }) =>
      workflow.start('nobodyRunsThis', { taskQueue: 'none', workflowId: 'kept' }),
    );
    await child.kill();
    expect(isRunning(first.pid)).toBe(true);

    const { log, messages } = recordingLogger();
    const server = await startPrivateTemporal({ stateFile, log });
    expect(isRunning(first.pid)).toBe(false);
    expect(messages).toContain('stopping the Temporal server that a killed process left behind');
    const found = await withClient(server.address, ({ workflow }) => workflow.getHandle('kept').describe());
    expect(found.status.name).toBe('RUNNING');
    await server.stop();
  });

  test('after the server itself was killed finds the workflows', async () => {
    const onExit = jest.fn();
    const server = await startPrivateTemporal({ onExit });
    await withClient(server.address, ({ workflow }) =>
      workflow.start('nobodyRunsThis', { taskQueue: 'none', workflowId: 'kept' }),
    );
    process.kill(server.pid, 'SIGKILL');
    await waitFor(() => onExit.mock.calls.length > 0);
    await server.stop();
    expect(onExit).toHaveBeenCalledTimes(1);

    const again = await startPrivateTemporal({ stateFile: server.stateFile });
    const found = await withClient(again.address, ({ workflow }) => workflow.getHandle('kept').describe());
    expect(found.status.name).toBe('RUNNING');
    await again.stop();
  });

  test('is refused while a living process owns the server', async () => {
    const server = await startPrivateTemporal();
    const second = startPrivateTemporal({ stateFile: server.stateFile });
    await expect(second).rejects.toMatchObject({ code: 'EMBEDDED_IN_USE' });
    await server.stop();
  });
});

describe('trouble', () => {
  let blocker: Server | undefined;
  afterEach(() => blocker?.close());

  test('takes free ports and says so when the wanted ones are taken', async () => {
    blocker = createServer();
    const taken = await new Promise<number>((resolve) => {
      blocker?.listen(0, '127.0.0.1', () => resolve((blocker?.address() as { port: number }).port));
    });
    const { log, messages } = recordingLogger();
    const server = await startPrivateTemporal({ port: taken, log });
    expect(messages).toContain(`port ${taken} is taken: Temporal listens on ${server.port} instead`);
    await withClient(server.address, ({ workflow }) => workflow.count());
    await server.stop();
  });

  test('shows what the program said when it does not start', async () => {
    await expect(startPrivateTemporal({ cliPath: process.execPath })).rejects.toMatchObject({
      code: 'EMBEDDED_TEMPORAL_FAILED',
      message: expect.stringMatching(/did not start[^]*start-dev|did not start[^]*server/) as string,
    });
  });

  test('says so when the program is not there', async () => {
    await expect(startPrivateTemporal({ cliPath: '/nowhere/temporal' })).rejects.toMatchObject({
      code: 'EMBEDDED_TEMPORAL_FAILED',
      message: expect.stringContaining("/nowhere/temporal) did not start: can't be run") as string,
    });
  });
});
