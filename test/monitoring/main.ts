import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { choosePort } from '../../platform/embedded/ports';
import { messageOf, stackOf } from '../../platform/errors';
import { createLogger } from '../../platform/telemetry/log';
import { startHoldfast } from '../cli/holdfast';
import { waitFor } from '../support/wait';
import { DEPLOY, expressions } from './expressions';
import { FIRING } from './firing';
import { providePrometheus, startPrometheus, type Prometheus, type PrometheusPrograms } from './prometheus';
import { promtoolTests } from './promtool-tests';

/**
 * `npm run test:monitoring`: has promtool evaluate the rules of `deploy/` on made-up series, then starts the product and a real Prometheus
 * with them, has orders placed, and asks for the expression of every panel and alert: each must be valid and have a value. Skipped, with the reason, where there is no Prometheus.
 */
async function main(): Promise<void> {
  let programs: PrometheusPrograms;
  try {
    programs = await providePrometheus();
  } catch (error) {
    say(`skipped: there is no Prometheus here. ${messageOf(error)}`);
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-monitoring-'));
  try {
    await checkRules(programs, folder);
    process.exitCode = await checkExpressions(programs, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Each rule fires where it has to and nowhere else, by Prometheus's own evaluation of made-up series. */
async function checkRules({ promtool }: PrometheusPrograms, folder: string): Promise<void> {
  const run = promisify(execFile);
  await run(promtool, ['check', 'rules', join(DEPLOY, 'prometheus', 'rules.yml')]);
  const tests = join(folder, 'rules.test.yml');
  await writeFile(tests, promtoolTests());
  await run(promtool, ['test', 'rules', tests]);
  say(`${Object.keys(FIRING).length} rules fire where they have to, and are silent elsewhere`);
}

/** Returns the exit code. */
async function checkExpressions(programs: PrometheusPrograms, folder: string): Promise<number> {
  const log = createLogger('warn', 'monitoring');
  const port = await choosePort(undefined, 'the API', log);
  const product = startHoldfast(['up', '--port', String(port)], {
    cwd: folder,
    env: { HOLDFAST_HOME: join(folder, 'home'), LOG_LEVEL: 'warn' },
  });
  let prometheus: Prometheus | undefined;
  try {
    await product.says('Try an order', 180_000);
    const metricsPort = await choosePort(undefined, 'Prometheus', log);
    const config = await configure(folder, port);
    prometheus = await startPrometheus(programs.prometheus, { config, folder, port: metricsPort });
    const drive = await driverOf(join(folder, 'home', 'dev.json'));
    await drive();
    return await check(prometheus, drive);
  } finally {
    await prometheus?.stop();
    product.kill('SIGTERM');
    await product.ended;
  }
}

const scrapeConfig = z.looseObject({
  global: z.looseObject({}),
  scrape_configs: z.array(z.looseObject({ job_name: z.string() })),
});

/** The configuration of `deploy/`, with this product's address for that of the API, once a second. Its worker is in the same process. */
async function configure(folder: string, port: number): Promise<string> {
  const given = scrapeConfig.parse(
    parse(await readFile(join(DEPLOY, 'prometheus', 'prometheus.yml'), 'utf8')),
  );
  const [api] = given.scrape_configs;
  const config = {
    ...given,
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: [join(DEPLOY, 'prometheus', 'rules.yml')],
    scrape_configs: [{ ...api, static_configs: [{ targets: [`127.0.0.1:${port}`] }] }],
  };
  const path = join(folder, 'prometheus.yml');
  await writeFile(path, stringify(config));
  return path;
}

const devFile = z.looseObject({ baseUrl: z.string(), adminApiKey: z.string() });

/** Makes requests that touch what the panels show: orders that are paid, declined, refused and cancelled; a job; problems. */
async function driverOf(path: string): Promise<() => Promise<void>> {
  const { baseUrl, adminApiKey } = devFile.parse(JSON.parse(await readFile(path, 'utf8')));
  const call = (method: string, target: string, body?: unknown) =>
    fetch(`${baseUrl}/api/v1${target}`, {
      method,
      headers: { 'x-api-key': adminApiKey, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const order = (sku: string, token?: string) => ({
    customerId: 'c-1',
    items: [{ sku, quantity: 1 }],
    ...(token === undefined ? {} : { payment: { method: 'card', token } }),
  });
  return async () => {
    await call('POST', '/orders', order('CHAIR-001', 'tok_ok'));
    await call('POST', '/orders', order('CHAIR-001', 'tok_declined'));
    await call('POST', '/orders', order('CHAIR-001'));
    await call('POST', '/orders', order('NO-SUCH-THING'));
    await call('POST', '/jobs/consistency', {});
    await call('GET', '/orders/not-there');
  };
}

const HAS_VALUES_WITHIN_MS = 120_000;

/** Returns the exit code. */
async function check(prometheus: Prometheus, drive: () => Promise<void>): Promise<number> {
  const asked = expressions();
  const problems = new Map<string, string>();
  let left = asked;
  // A rate needs two scrapes, and some of what is shown comes a while after its cause.
  await waitFor(async () => {
    await drive();
    const still: typeof asked = [];
    for (const each of left) {
      try {
        if ((await prometheus.query(each.expression)).length > 0) continue;
        problems.set(each.where, `has no value: ${each.expression}`);
      } catch (error) {
        problems.set(each.where, `${messageOf(error)}: ${each.expression}`);
      }
      still.push(each);
    }
    left = still;
    return left.length === 0;
  }, HAS_VALUES_WITHIN_MS).catch((error: unknown) => say(messageOf(error)));
  await waitFor(async () => (await prometheus.rules()).every(({ health }) => health !== 'unknown'));
  const broken = (await prometheus.rules()).filter(({ health }) => health !== 'ok');
  for (const { where } of left) say(`✕ ${where} ${problems.get(where) ?? ''}`);
  for (const { name, lastError } of broken) say(`✕ ${name} is not evaluated: ${lastError ?? ''}`);
  say(`${asked.length - left.length} of ${asked.length} expressions have a value`);
  return left.length + broken.length > 0 ? 1 : 0;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${stackOf(error)}\n`);
  process.exitCode = 1;
});
