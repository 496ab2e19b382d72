import type { Queryable } from '../../platform/database/database';
import { selectAlertCounts } from '../stock/alerts/alerts';
import { ALERT_KINDS, ALERT_SEVERITIES, type AlertKind, type AlertSeverity } from '../stock/alerts/types';
import type { AttentionCount } from './attention';

export interface OpenAlerts {
  kind: AlertKind;
  severity: AlertSeverity;
  count: number;
}

// `ALERT_KINDS` has all of them.
const KINDS = Object.keys(ALERT_KINDS) as AlertKind[];

/**
 * Alerts that nobody has acknowledged, by every kind and severity that there is: 0 where there are none.
 *
 * @param attention what `countAttention` returned, since the severity of such an alert is that of its reason
 */
export async function countOpenAlerts(
  on: Queryable,
  attention: readonly AttentionCount[],
): Promise<OpenAlerts[]> {
  const open = new Map((await selectAlertCounts(on)).map((found) => [found.kind, found.open]));
  return KINDS.flatMap((kind) => {
    const { severity } = ALERT_KINDS[kind];
    if (severity !== 'of_reason') return [{ kind, severity, count: open.get(kind) ?? 0 }];
    return ALERT_SEVERITIES.flatMap((one) => {
      const counts = attention.filter((reason) => reason.severity === one).map(({ count }) => count);
      return counts.length === 0
        ? []
        : [{ kind, severity: one, count: counts.reduce((sum, count) => sum + count, 0) }];
    });
  });
}
