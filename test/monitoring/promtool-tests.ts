import { join } from 'node:path';
import { stringify } from 'yaml';
import { DEPLOY, readAlerts } from './expressions';
import { FIRING, type Series } from './firing';

type Rule = ReturnType<typeof readAlerts>[number];

/** When a case is looked at, minutes after the rule's `for`: what happens within a quarter of an hour is over. */
const AFTER = 40;

/** What `promtool test rules` runs: each rule with its cases, and that none fires before its `for` is over. */
export function promtoolTests(): string {
  return stringify({
    rule_files: [join(DEPLOY, 'prometheus', 'rules.yml')],
    evaluation_interval: '1m',
    tests: readAlerts().flatMap((rule) => {
      const firing = FIRING[rule.alert];
      if (!firing) throw new Error(`${rule.alert} has no case in which it fires`);
      const lookedAt = minutesOf(rule.for) + AFTER;
      return [
        group(`${rule.alert} fires`, firing.fires, [
          { at: lookedAt, rule, alerts: firing.as ?? [{}] },
          ...(minutesOf(rule.for) > 1 ? [{ at: minutesOf(rule.for) - 1, rule, alerts: [] }] : []),
        ]),
        group(
          `${rule.alert} is silent`,
          firing.silent,
          Array.from({ length: lookedAt }, (_, at) => ({ at, rule, alerts: [] })).filter(
            ({ at }) => at >= (firing.silentFrom ?? 0),
          ),
        ),
      ];
    }),
  });
}

interface Look {
  /** Minutes. */
  at: number;
  rule: Rule;
  alerts: readonly Readonly<Record<string, string>>[];
}

function group(name: string, series: readonly Series[], looks: readonly Look[]): object {
  return {
    name,
    interval: '1m',
    input_series: series.map(([of, values]) => ({ series: of, values })),
    alert_rule_test: looks.map(({ at, rule, alerts }) => ({
      eval_time: `${at}m`,
      alertname: rule.alert,
      exp_alerts: alerts.map((labels) => ({
        exp_labels: { ...labels, ...rule.labels },
        exp_annotations: {
          ...rule.annotations,
          summary: rule.annotations.summary.replaceAll(
            /\{\{ \$labels\.(\w+) \}\}/g,
            (_, label: string) => labels[label] ?? '',
          ),
        },
      })),
    })),
  };
}

function minutesOf(duration: string): number {
  const [, count = '', unit = ''] = /^(\d+)([smh])$/.exec(duration) ?? [];
  return Number(count) * ({ s: 1 / 60, m: 1, h: 60 }[unit] ?? Number.NaN);
}
