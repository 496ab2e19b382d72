import { randomInt } from 'node:crypto';
import { WithStartWorkflowOperation } from '@temporalio/client';
import { newId } from '../platform/ids';
import { BENCH_HEADERS } from './access-key';
import { startBenchEngine, type BenchEngine } from './orders-engine';
import { percentile, perSecond, report, rounded, runWindow, type Window } from './windows';

const ROUNDS = 3;
const SECONDS = 8;
const SKUS = 1_000;

/** One kind of work: does it once, to its end, and returns how long its caller waited for the first response, milliseconds. */
type Work = () => Promise<number>;

/**
 * Whole orders a second, counted when their workflow has closed, beside an empty workflow and beside the textbook saga: all
 * in one run on one fresh server, windows alternating, with one and with 64 in flight.
 */
export async function benchOrders(): Promise<void> {
  const engine = await startBenchEngine(SKUS);
  try {
    const kinds: Record<string, Work> = {
      empty: () => runEmpty(engine),
      textbook: () => runTextbook(engine),
      holdfast: () => runHoldfast(engine),
    };
    for (const inFlight of [1, 64]) await compare(engine, kinds, inFlight);
    await reportCost(engine);
  } finally {
    await engine.stop();
  }
}

interface Measured {
  windows: Window[];
  answers: Window[];
}

async function compare(engine: BenchEngine, kinds: Record<string, Work>, inFlight: number): Promise<void> {
  const measured = new Map<string, Measured>();
  for (const kind of Object.keys(kinds)) measured.set(kind, { windows: [], answers: [] });
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [kind, work] of Object.entries(kinds)) {
      const latenciesMs: number[] = [];
      const window = await runWindow({
        // The first round warms everything up and is not counted.
        seconds: round === 0 ? 2 : SECONDS,
        inFlight,
        work: async () => void latenciesMs.push(await work()),
      });
      if (round === 0) {
        await engine.analyze();
        continue;
      }
      measured.get(kind)?.windows.push(window);
      measured.get(kind)?.answers.push({ seconds: window.seconds, latenciesMs });
    }
  }
  const rate = (kind: string) => perSecond(measured.get(kind)?.windows ?? []);
  for (const [kind, { answers, windows }] of measured) {
    report({
      bench: 'orders',
      variant: `${kind}-${inFlight}`,
      perSecond: rounded(rate(kind)),
      p50Ms: rounded(percentile(answers, 50)),
      p99Ms: rounded(percentile(answers, 99)),
      wholeP50Ms: rounded(percentile(windows, 50)),
      ratioToEmpty: rounded(rate(kind) / rate('empty')),
      ratioToTextbook: rounded(rate(kind) / rate('textbook')),
    });
  }
}

async function runEmpty({ client, queue }: BenchEngine): Promise<number> {
  const begun = performance.now();
  const handle = await client.workflow.start('empty', { workflowId: `empty:${newId()}`, taskQueue: queue });
  await handle.result();
  return performance.now() - begun;
}

async function runTextbook({ client, queue }: BenchEngine): Promise<number> {
  const orderId = newId();
  const begun = performance.now();
  const startWorkflowOperation = new WithStartWorkflowOperation('textbookOrder', {
    workflowId: `textbook:${orderId}`,
    taskQueue: queue,
    args: [{ orderId, productNumber: 1 + randomInt(SKUS) }],
    workflowIdConflictPolicy: 'USE_EXISTING',
  });
  await client.workflow.executeUpdateWithStart('placed', { startWorkflowOperation });
  const answered = performance.now() - begun;
  await (await startWorkflowOperation.workflowHandle()).result();
  return answered;
}

async function runHoldfast(engine: BenchEngine): Promise<number> {
  const begun = performance.now();
  const response = await fetch(`${engine.url}/api/v1/orders`, {
    method: 'POST',
    headers: { ...BENCH_HEADERS, 'content-type': 'application/json' },
    body: JSON.stringify({
      items: [{ sku: `BENCH-${1 + randomInt(SKUS)}`, quantity: 1 }],
      customerId: 'bench',
      payment: { method: 'card', token: 'tok_ok' },
    }),
  });
  const body = (await response.json()) as { id: string };
  const answered = performance.now() - begun;
  if (response.status !== 201)
    throw new Error(`POST /orders answered ${response.status}: ${JSON.stringify(body)}`);
  await engine.orderHandle(body.id).result();
  engine.lastOrderId = body.id;
  return answered;
}

/** Events and workflow tasks of one order: what its cost consists of. */
async function reportCost(engine: BenchEngine): Promise<void> {
  const events = (await engine.orderHandle(engine.lastOrderId).fetchHistory()).events ?? [];
  const tasks = events.filter((event) => event.workflowTaskCompletedEventAttributes).length;
  report({ bench: 'orders', variant: 'cost', events: events.length, workflowTasks: tasks });
}
