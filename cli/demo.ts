import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../platform/errors';
import { createDemoClient, type DemoClient } from './demo-client';
import { DEMO_CUSTOMER, type OrderLog } from './demo-order-log';
import { DEMO_SCENARIOS, type DemoScenario } from './demo-orders';
import type { Output } from './output';

/**
 * Places the demo orders at once, as a shop would, over HTTP, and prints each one's course when it has ended.
 *
 * @param at.apiKey of somebody who may place orders and correct stock
 * @returns whether every order ended as it should and the stock is what it should be
 */
export async function runDemo(
  at: { baseUrl: string; apiKey: string },
  output: Output,
  stopping: AbortSignal,
): Promise<boolean> {
  const client = createDemoClient(at.baseUrl, at.apiKey, stopping);
  output.line('\nDemo orders');
  await settleLeftovers(client, output, stopping);
  const courses = DEMO_SCENARIOS.map((scenario) => play(scenario, client));
  let wentRight = true;
  for (const [index, course] of courses.entries()) {
    const { title, lines, problems } = await course;
    stopping.throwIfAborted();
    output.line(`\n  ${index + 1}  ${title}`);
    for (const line of lines) output.line(`   ${line}`);
    for (const problem of problems) output.line(`     WRONG: ${problem}`);
    wentRight &&= problems.length === 0;
  }
  output.line();
  return wentRight;
}

async function play(scenario: DemoScenario, client: DemoClient): Promise<OrderLog> {
  try {
    return await scenario(client);
  } catch (error) {
    const reason = messageOf(error);
    return { title: scenario.name, lines: [], problems: [reason] };
  }
}

const LEFTOVERS_MS = 60_000;

/** A demo that was interrupted left orders that still hold stock; they would change the counts of this one. */
async function settleLeftovers(client: DemoClient, output: Output, stopping: AbortSignal): Promise<void> {
  const open = await client.openOrders(DEMO_CUSTOMER);
  if (open.length === 0) return;
  output.line(`  ${open.length} orders of an interrupted demo are cancelled or completed first`);
  await Promise.all(
    open.map(({ id }) =>
      client.call('POST', `/orders/${id}/cancel`, { reason: 'left by an interrupted demo' }),
    ),
  );
  const deadline = Date.now() + LEFTOVERS_MS;
  while ((await client.openOrders(DEMO_CUSTOMER)).length > 0 && Date.now() < deadline) {
    await delay(200, undefined, { signal: stopping });
  }
}
