import type { Settings } from '../platform/config';
import {
  lazyTemporalClient,
  type LazyTemporalLink,
  type TemporalTarget,
} from '../platform/temporal/connection';
import { withHomePayloadKey } from './payload-key';
import { locateTemporal } from './servers';

/** For a command that asks Temporal: where the settings or a running `holdfast up` have it, with the keys of its payloads. */
export async function openTemporalLink(
  settings: Settings,
  target?: TemporalTarget,
): Promise<LazyTemporalLink> {
  return lazyTemporalClient(await withHomePayloadKey(settings), target ?? (await locateTemporal(settings)));
}
