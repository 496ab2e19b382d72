import { z } from 'zod';
import { messageOf } from '../platform/errors';
import type { Settings } from '../platform/config';
import { readDevFile } from './dev-file';
import type { Finding } from './doctor-checks';

const CALL_MS = 5_000;
const health = z.object({ status: z.string(), version: z.string().optional() });

export async function checkApi(settings: Settings): Promise<Finding[]> {
  const url = (await readDevFile(settings))?.baseUrl ?? localUrl(settings);
  const name = 'API';
  try {
    const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(CALL_MS) });
    const { status, version } = health.parse(await response.json());
    return status === 'up'
      ? [{ name, ok: true, detail: `${url} is ${status}, version ${version ?? 'unknown'}` }]
      : [{ name, ok: false, detail: `${url} is ${status}`, advice: `curl ${url}/health tells which part` }];
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const reason = messageOf(cause);
    return [{ name, ok: false, detail: `${url}: ${reason}`, advice: 'holdfast api' }];
  }
}

/** Every address of this host is reached by way of the local one. */
function localUrl({ HOST, PORT }: Settings): string {
  const host = HOST === '0.0.0.0' || HOST === '::' ? '127.0.0.1' : HOST;
  return `http://${host.includes(':') ? `[${host}]` : host}:${PORT}`;
}
