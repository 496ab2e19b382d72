import { readFile } from 'node:fs/promises';
import type { Settings } from '../platform/config';
import { configError, messageOf } from '../platform/errors';
import { readDevFile } from './dev-file';

/** Headers by which a command signs in at the API at this address; none where it has no key for it. */
export async function signedInHeaders(settings: Settings, baseUrl: string): Promise<Record<string, string>> {
  const key = (await givenKey(settings)) ?? (await demoKey(settings, baseUrl));
  return key === undefined ? {} : { 'X-Api-Key': key };
}

async function givenKey({ HOLDFAST_API_KEY, HOLDFAST_API_KEY_FILE }: Settings): Promise<string | undefined> {
  if (HOLDFAST_API_KEY !== undefined || HOLDFAST_API_KEY_FILE === undefined) return HOLDFAST_API_KEY;
  const text = await readFile(HOLDFAST_API_KEY_FILE, 'utf8').catch((error: unknown) => {
    throw configError([`HOLDFAST_API_KEY_FILE: ${messageOf(error)}`]);
  });
  return text.trim();
}

/** That of a running `holdfast up`, which goes nowhere else. */
async function demoKey(settings: Settings, baseUrl: string): Promise<string | undefined> {
  const running = await readDevFile(settings);
  return running?.baseUrl === baseUrl ? running.adminApiKey : undefined;
}
