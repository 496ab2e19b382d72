import type { Settings } from '../platform/config';
import { withHomeCarrierSecret, withOwnCarrierSecret } from './carrier-secret';
import { withHomePayloadKey, withOwnPayloadKey } from './payload-key';
import { withHomeSigningSecret, withOwnSigningSecret } from './signing-secret';

/** The settings, with every secret of the home that none is set for; those that are missing are made. */
export async function withOwnSecrets(settings: Settings): Promise<Settings> {
  return withOwnPayloadKey(await withOwnSigningSecret(await withOwnCarrierSecret(settings)));
}

/** The same for a command or part beside `holdfast up` of the same home, with those that the home has. */
export async function withHomeSecrets(settings: Settings): Promise<Settings> {
  return withHomePayloadKey(await withHomeSigningSecret(await withHomeCarrierSecret(settings)));
}
