import type { Settings } from '../platform/config';
import { withHomeSecrets } from './home-secrets';
import type { Finding } from './doctor-checks';
import { settingWarnings } from './setting-warnings';

/** Settings with which everything starts and something does not work. */
export async function checkSettings(settings: Settings): Promise<Finding[]> {
  const warnings = settingWarnings(await withHomeSecrets(settings));
  if (warnings.length === 0) return [{ name: 'Settings', ok: true, detail: 'go together' }];
  return warnings.map(({ severity, detail, advice }) => ({
    name: 'Settings',
    ok: severity !== 'wrong',
    detail,
    advice,
  }));
}
