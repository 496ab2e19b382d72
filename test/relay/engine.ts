import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { Client, Connection } from '@temporalio/client';
import { randomBytes } from 'node:crypto';
import { readSettings } from '../../platform/config';
import type { Database } from '../../platform/database/database';
import { isNotFound } from '../../platform/temporal/call-failure';
import { createEngineClient } from '../../platform/temporal/engine-client';
import type { ReceiverContext } from '../../worker/outbox/receivers';
import { sagaSettings } from '../../workflows/contract/start';
import { engineNames, WORKFLOW_TYPES, type EngineNames } from '../../workflows/contract/names';
import { temporalAddress, testLogger } from '../support/servers';

export interface TestEngine {
  client: Client;
  names: EngineNames;
  close(): Promise<void>;
}

/** A client of the run's Temporal server, with names of its own. */
export async function openEngine(address = temporalAddress()): Promise<TestEngine> {
  const connection = await Connection.connect({ address });
  return {
    client: new Client({ connection }),
    names: engineNames(`relay-${randomBytes(4).toString('hex')}-`),
    close: () => connection.close(),
  };
}

/** What the receivers of a worker are made with. */
export function receiverContext(db: Database, { client, names }: TestEngine): ReceiverContext {
  const saga = sagaSettings(readSettings({}), { names, gatewayIsFast: true });
  return {
    db,
    engine: createEngineClient(client),
    names,
    saga,
    mailer: null,
    bookAtOnce: () => Promise.resolve(false),
    log: testLogger(),
  };
}

/** Starts a saga that no worker runs: its history shows every signal that arrives. */
export async function startIdleSaga({ client, names }: TestEngine, orderId: string): Promise<void> {
  await client.workflow.start(WORKFLOW_TYPES.orderSaga, {
    workflowId: names.orderWorkflowId(orderId),
    taskQueue: names.ordersQueue,
  });
}

/** How often a workflow was signalled; 0 when there is none. */
export async function signalsOf({ client }: TestEngine, workflowId: string): Promise<number> {
  try {
    const history = await client.workflow.getHandle(workflowId).fetchHistory();
    return (history.events ?? []).filter((event) => event.workflowExecutionSignaledEventAttributes).length;
  } catch (error) {
    if (isNotFound(error)) return 0;
    throw error;
  }
}

/** A way to a server that can be cut and mended. */
export interface Line {
  address: string;
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

export async function openLine(target: string): Promise<Line> {
  const [host, port] = target.split(':');
  const sockets = new Set<Socket>();
  let whole = true;
  const server = createServer((near) => {
    if (!whole) {
      near.destroy();
      return;
    }
    const far = connect(Number(port), host);
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    whole = false;
    for (const socket of sockets) socket.destroy();
  };
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    mend: () => {
      whole = true;
    },
    async close() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
