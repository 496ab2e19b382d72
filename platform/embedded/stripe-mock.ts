import { spawn } from 'node:child_process';
import { isAppError } from '../errors';
import type { Logger } from '../telemetry/log';
import { buildGoTool, type GoTool } from './go-tool';
import { endProcess } from './processes';

const STRIPE_MOCK: GoTool = { package: 'github.com/stripe/stripe-mock', version: 'v0.203.0' };
/** HTTPS can't be turned off, and would otherwise listen on every interface. */
const ARGUMENTS = ['-http-addr', '127.0.0.1:0', '-https-addr', '127.0.0.1:0'];
const START_MS = 30_000;

export interface StripeMock {
  /** Base URL for the SDK's `host`, `port` and `protocol`. */
  url: string;
  stop(): Promise<void>;
}

/**
 * Runs Stripe's own mock server on a free port. It checks requests against Stripe's OpenAPI description and answers
 * with fixtures; it keeps no state, so it proves the shapes of requests only.
 *
 * @returns `skipped` when Go, which builds it, is not installed; any other failure throws
 */
export async function startStripeMock(options: {
  log: Logger;
  cacheDir?: string;
}): Promise<StripeMock | { skipped: string }> {
  let program: string;
  try {
    program = await buildGoTool(STRIPE_MOCK, { ...options, estimate: 'some seconds' });
  } catch (error) {
    if (isAppError(error, 'GO_MISSING')) return { skipped: error.message };
    throw error;
  }
  const child = spawn(program, ARGUMENTS, {
    stdio: ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
  });
  const { pid } = child;
  const port = await new Promise<string>((resolve, reject) => {
    let said = '';
    const giveUp = (why: string) => reject(new Error(`stripe-mock did not start: ${why}\n${said}`));
    const timer = setTimeout(() => giveUp('no answer in time'), START_MS);
    const listen = (text: string) => {
      said += text;
      const [, found] = /HTTP at address: 127\.0\.0\.1:(\d+)/.exec(said) ?? [];
      if (found === undefined) return;
      clearTimeout(timer);
      resolve(found);
    };
    child.stdout.setEncoding('utf8').on('data', listen);
    child.stderr.setEncoding('utf8').on('data', listen);
    child.once('error', (error) => giveUp(error.message));
    child.once('exit', (code) => giveUp(`it ended with ${String(code)}`));
  });
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      if (pid !== undefined) await endProcess(pid, 2_000);
    },
  };
}
