// Starts Holdfast with `npm start` from a clean state, drives one order to `fulfilled`, stops it with SIGTERM and looks
// for anything left running. Usage: node .ci/smoke.mjs [file for the counts]
import { execFileSync, spawn } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

// A home of its own under the default one: as reachable as that, and nobody's data.
const HOME = resolve('.holdfast', 'ci-smoke');
// A machine's first start may have to build the Temporal program.
const START_MS = 15 * 60_000;
const ORDER_MS = 60_000;
const STOP_MS = 60_000;

/** An error after which waiting on makes no sense. */
class Final extends Error {}

const counts = { passed: 0, failed: 0 };
let npm;
let dev;

await step('starts from a clean state and is ready', start);
const sku = await step('has something to sell', findSku);
const order = await step('takes an order', () => placeOrder(sku));
await step('fulfils the order', () => untilFulfilled(order));
await step('stops on SIGTERM', stop);
await step('leaves nothing running', untilNothingRuns);
await endWhatIsLeft();
if (process.argv[2]) await writeFile(process.argv[2], `${JSON.stringify(counts)}\n`);
console.log(`smoke: ${counts.passed} passed, ${counts.failed} failed`);
process.exit(counts.failed === 0 && counts.passed > 0 ? 0 : 1);

/** Runs one step, unless an earlier one has failed: only stopping is always tried. */
async function step(name, run) {
  if (counts.failed > 0 && run !== stop && run !== untilNothingRuns) return undefined;
  const started = Date.now();
  try {
    const result = await run();
    counts.passed += 1;
    console.log(`smoke: ok: ${name} (${Date.now() - started} ms)`);
    return result;
  } catch (error) {
    counts.failed += 1;
    console.log(`smoke: FAILED: ${name}: ${error.stack ?? error}`);
    return undefined;
  }
}

async function start() {
  await rm(HOME, { recursive: true, force: true });
  const env = { ...process.env, HOLDFAST_HOME: HOME };
  for (const name of Object.keys(env)) {
    if (/^(DATABASE_URL|TEMPORAL_(ADDRESS|NAMESPACE|API_KEY|TLS.*)|PAYMENT_GATEWAY)$/.test(name))
      delete env[name];
  }
  npm = spawn('npm', ['start'], { env, stdio: ['ignore', 'inherit', 'inherit'] });
  dev = await until(START_MS, async () => {
    if (npm.exitCode !== null) throw new Final(`npm start ended with ${npm.exitCode}`);
    return JSON.parse(await readFile(resolve(HOME, 'dev.json'), 'utf8'));
  });
  await until(START_MS, async () => (await fetch(`${dev.baseUrl}/ready`)).ok);
}

async function findSku() {
  const page = await ask('GET', '/api/v1/products', 200);
  const found = page.items?.[0]?.sku;
  if (typeof found !== 'string') throw new Error(`no product in ${JSON.stringify(page)}`);
  return found;
}

function placeOrder(wanted) {
  return ask('POST', '/api/v1/orders', 201, {
    items: [{ sku: wanted, quantity: 1 }],
    customerId: 'smoke',
    payment: { method: 'card', token: 'tok_ok' },
  });
}

async function untilFulfilled({ id }) {
  const ended = ['rejected', 'expired', 'cancelled', 'failed'];
  await until(ORDER_MS, async () => {
    const { status } = await ask('GET', `/api/v1/orders/${id}/status`, 200);
    if (ended.includes(status)) throw new Final(`the order is ${status}`);
    return status === 'fulfilled';
  });
}

async function stop() {
  if (!npm) throw new Error('it was never started');
  process.kill(dev?.pid ?? npm.pid, 'SIGTERM');
  await until(STOP_MS, () => npm.exitCode !== null || npm.signalCode !== null);
  if (npm.exitCode !== 0) throw new Error(`npm start ended with ${npm.exitCode ?? npm.signalCode}`);
}

/** The servers have the home in their command lines; the program itself is known by its process id. */
function listRunning() {
  const lines = execFileSync('ps', ['-axww', '-o', 'pid=,stat=,args='], { encoding: 'utf8' }).split('\n');
  return lines.filter((line) => {
    const [, pid, state, args] = /^\s*(\d+)\s+(\S+)\s(.*)$/.exec(line) ?? [];
    return pid && !state.startsWith('Z') && (Number(pid) === dev?.pid || args.includes(HOME));
  });
}

async function untilNothingRuns() {
  await until(5_000, () => listRunning().length === 0).catch(() => {
    throw new Error(`still running:\n${listRunning().join('\n')}`);
  });
}

async function endWhatIsLeft() {
  for (const line of listRunning()) process.kill(Number.parseInt(line, 10), 'SIGKILL');
  if (npm?.exitCode === null) npm.kill('SIGKILL');
  await rm(HOME, { recursive: true, force: true });
}

async function ask(method, path, status, body) {
  const response = await fetch(`${dev.baseUrl}${path}`, {
    method,
    headers: { 'content-type': 'application/json', 'x-api-key': dev.adminApiKey },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });
  const text = await response.text();
  if (response.status !== status) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text);
}

/** Asks until the answer is truthy. Only a `Final` error ends it early. */
async function until(limit, question) {
  const deadline = Date.now() + limit;
  for (;;) {
    let problem = 'not yet';
    try {
      const answer = await question();
      if (answer) return answer;
    } catch (error) {
      if (error instanceof Final) throw error;
      problem = error.message;
    }
    if (Date.now() > deadline) throw new Error(`after ${limit} ms: ${problem}`);
    await delay(50);
  }
}
