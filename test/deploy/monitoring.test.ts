import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ATTENTION } from '../../domain/orders/types';
import { ALERT_KINDS, ALERT_SEVERITIES, WORK_KINDS } from '../../domain/stock/alerts/types';
import {
  comparedBy,
  dashboardTexts,
  DEPLOY,
  expressions,
  readAlerts,
  readDashboards,
  selects,
} from '../monitoring/expressions';
import { FIRING } from '../monitoring/firing';
import { createDashboardCheck } from '../monitoring/grafana-types';

const ROOT = join(DEPLOY, '..');
const OPERATIONS = readFileSync(join(ROOT, 'docs', 'operations.md'), 'utf8');

const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-');

/** The text of the chapter that an alert leads to, up to the next one. */
function runbookOf(url: string): string | undefined {
  const [, anchor = ''] = url.split('#');
  return OPERATIONS.split(/^(?=## )/m).find((chapter) =>
    [...chapter.matchAll(/^#{2,4} (.+)$/gm)].some(([, heading = '']) => anchorOf(heading) === anchor),
  );
}

test('dashboards are of the types that Grafana publishes, and one that is not is found', () => {
  const check = createDashboardCheck();
  for (const text of dashboardTexts()) expect(check(text)).toEqual([]);
  const [text = ''] = dashboardTexts();
  expect(check(text.replace('"gridPos"', '"gridPosition"'))).toEqual([
    expect.stringContaining('gridPosition') as string,
  ]);
  expect(check(text.replace('"displayMode": "list"', '"displayMode": "lists"'))).toHaveLength(1);
});

test('dashboards are for orders, stock, money, jobs, messages and the system, and none is there twice', () => {
  const dashboards = readDashboards();
  expect(dashboards.map(({ uid }) => uid)).toEqual(
    ['jobs', 'messages', 'money', 'orders', 'stock', 'system'].map((name) => `holdfast-${name}`),
  );
  for (const { panels } of dashboards) {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const places = panels.map(({ gridPos: { x, y } }) => `${x},${y}`);
    expect(new Set(places).size).toBe(panels.length);
  }
});

test('each alert compares one expression with one number, and leads to a chapter of the operations that there is', () => {
  const alerts = readAlerts();
  expect(alerts.length).toBeGreaterThan(20);
  for (const alert of alerts) {
    expect(() => comparedBy(alert)).not.toThrow();
    const [page] = alert.annotations.runbook_url.split('#');
    expect({
      alert: alert.alert,
      page,
      known: runbookOf(alert.annotations.runbook_url) !== undefined,
    }).toEqual({ alert: alert.alert, page: 'docs/operations.md', known: true });
  }
  expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
});

test('each rule has a case in which it fires and one in which it is silent', () => {
  expect(Object.keys(FIRING).sort()).toEqual(
    readAlerts()
      .map(({ alert }) => alert)
      .sort(),
  );
  for (const { fires, silent } of Object.values(FIRING))
    expect(Math.min(fires.length, silent.length)).toBeGreaterThan(0);
});

/** Every alert that the product may raise: how its metric shows it, and what its runbook has to name. */
const RAISED = [
  ...Object.entries(ALERT_KINDS).flatMap(([kind, { severity }]) =>
    severity === 'of_reason' || kind === 'work_failed'
      ? []
      : [{ what: kind, severity, metric: 'holdfast_alerts', labels: { kind, severity } }],
  ),
  ...Object.entries(ATTENTION).map(([reason, info]) => {
    const severity = 'severity' in info ? info.severity : 'warning';
    return { what: reason, severity, metric: 'holdfast_attention', labels: { reason, severity } };
  }),
  ...WORK_KINDS.map((work) => ({
    what: work,
    severity: ALERT_KINDS.work_failed.severity,
    metric: 'holdfast_failed_work',
    labels: { work },
  })),
];

test.each(RAISED)(
  'an alert $what is told by one rule of its severity, $severity, whose runbook names it',
  ({ what, severity, metric, labels }) => {
    const rules = readAlerts().filter(({ expr }) => selects(expr, metric, labels));
    expect(rules.map((rule) => rule.labels.severity)).toEqual([severity]);
    expect(runbookOf(rules[0]?.annotations.runbook_url ?? '')).toContain(`\`${what}\``);
  },
);

test('each severity has an alert that the product may raise', () => {
  expect([...new Set(RAISED.map(({ severity }) => severity))].sort()).toEqual([...ALERT_SEVERITIES].sort());
});

test('every kind of alert is documented with its severity', () => {
  const text = readFileSync(join(ROOT, 'docs', 'alerts.md'), 'utf8');
  for (const [kind, { severity }] of Object.entries(ALERT_KINDS)) {
    const [, told] = new RegExp(`^\\| \`${kind}\` +\\| (\\w[\\w ]*?) +\\|`, 'm').exec(text) ?? [];
    expect([kind, told]).toEqual([kind, severity === 'of_reason' ? 'of its reason' : severity]);
  }
});

test('every metric of ours that a panel or an alert uses is documented', () => {
  const text = readFileSync(join(ROOT, 'docs', 'observability.md'), 'utf8');
  const used = expressions().flatMap(({ expression }) => expression.match(/\bholdfast_[a-z_]+/g) ?? []);
  const names = [...new Set(used.map((name) => name.replace(/_bucket$/, '')))];
  expect(names.length).toBeGreaterThan(20);
  expect(names.filter((name) => !text.includes(`\`${name}`))).toEqual([]);
});

test('Compose mounts what is provided, and what is provided is where the provisioning looks for it', () => {
  const { services } = parse(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8')) as {
    services: Record<string, { volumes?: string[] }>;
  };
  const mounts = ['prometheus', 'grafana'].flatMap((name) => services[name]?.volumes ?? []);
  const ours = mounts.filter((mount) => mount.startsWith('./')).map((mount) => mount.split(':'));
  expect(ours.length).toBe(3);
  for (const [from = '', , mode] of ours) expect([existsSync(join(ROOT, from)), mode]).toEqual([true, 'ro']);
  const provisioning = readFileSync(
    join(DEPLOY, 'grafana', 'provisioning', 'dashboards', 'holdfast.yml'),
    'utf8',
  );
  const folder = /path: (\S+)/.exec(provisioning)?.[1];
  expect(ours.map(([, to]) => to)).toContain(folder);
});
