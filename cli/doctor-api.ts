import { z } from 'zod';
import { UNTRUSTED_FORWARDS } from '../api/services/metrics';
import { messageOf } from '../platform/errors';
import { ownAddress, type Settings } from '../platform/config';
import { readDevFile } from './dev-file';
import type { Finding } from './doctor-checks';

const CALL_MS = 5_000;
const health = z.object({ status: z.string(), version: z.string().optional() });

export async function checkApi(settings: Settings): Promise<Finding[]> {
  const url = (await readDevFile(settings))?.baseUrl ?? ownAddress(settings);
  const name = 'API';
  try {
    const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(CALL_MS) });
    const { status, version } = health.parse(await response.json());
    const state: Finding =
      status === 'up'
        ? { name, ok: true, detail: `${url} is ${status}, version ${version ?? 'unknown'}` }
        : { name, ok: false, detail: `${url} is ${status}`, advice: `curl ${url}/health tells which part` };
    return [state, ...(await checkProxy(url))];
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const reason = messageOf(cause);
    return [{ name, ok: false, detail: `${url}: ${reason}`, advice: 'holdfast api' }];
  }
}

/** Tells of a proxy that is not trusted. Anybody can send the header, so that it is advice and nothing wrong. */
async function checkProxy(url: string): Promise<Finding[]> {
  const count = await countUntrusted(url);
  if (count === 0) return [];
  if (count === undefined)
    return [{ name: 'Proxy', ok: true, detail: `not known: ${url}/metrics tells nothing of it` }];
  return [
    {
      name: 'Proxy',
      ok: true,
      detail: `${count} requests since the API started came with an X-Forwarded-For from an address that TRUSTED_PROXIES does not name`,
      advice:
        'If that is your proxy, all its clients share one limit, also that of bad credentials: set TRUSTED_PROXIES to its address, which the log names as "peer"',
    },
  ];
}

/** Undefined: the metrics cannot be read, or do not have it. */
async function countUntrusted(url: string): Promise<number | undefined> {
  try {
    const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(CALL_MS) });
    const lines = (await response.text()).split('\n');
    const count = lines
      .find((line) => line.startsWith(UNTRUSTED_FORWARDS))
      ?.split(' ')
      .at(-1);
    return count === undefined ? undefined : Number(count);
  } catch {
    return undefined;
  }
}
