import type { Settings } from '../platform/config';
import { readDevFile } from './dev-file';

/** Headers by which a command signs in at the API at this address; none where it has no key for it. */
export async function signedInHeaders(settings: Settings, baseUrl: string): Promise<Record<string, string>> {
  const key = settings.HOLDFAST_API_KEY ?? (await demoKey(settings, baseUrl));
  return key === undefined ? {} : { 'X-Api-Key': key };
}

/** That of a running `holdfast up`, which goes nowhere else. */
async function demoKey(settings: Settings, baseUrl: string): Promise<string | undefined> {
  const running = await readDevFile(settings);
  return running?.baseUrl === baseUrl ? running.adminApiKey : undefined;
}
