import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { comparedBy, DEPLOY, expressions, readAlerts, readDashboards } from '../monitoring/expressions';

const ROOT = join(DEPLOY, '..');

test('dashboards are as Grafana reads them, for orders, stock, money, jobs and the system, and none is there twice', () => {
  const dashboards = readDashboards();
  expect(dashboards.map(({ uid }) => uid)).toEqual(
    ['jobs', 'money', 'orders', 'stock', 'system'].map((name) => `holdfast-${name}`),
  );
  for (const { panels } of dashboards) {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const places = panels.map(({ gridPos: { x, y } }) => `${x},${y}`);
    expect(new Set(places).size).toBe(panels.length);
  }
});

test('each alert compares one expression with one number, and leads to a chapter of the operations that there is', () => {
  const anchors = new Set(
    [...readFileSync(join(ROOT, 'docs', 'operations.md'), 'utf8').matchAll(/^#{2,4} (.+)$/gm)].map(
      ([, heading = '']) =>
        heading
          .toLowerCase()
          .replaceAll(/[^a-z0-9 -]/g, '')
          .replaceAll(' ', '-'),
    ),
  );
  const alerts = readAlerts();
  expect(alerts.length).toBeGreaterThan(20);
  for (const alert of alerts) {
    expect(() => comparedBy(alert)).not.toThrow();
    const [page, anchor = ''] = alert.annotations.runbook_url.split('#');
    expect({ alert: alert.alert, page, known: anchors.has(anchor) }).toEqual({
      alert: alert.alert,
      page: 'docs/operations.md',
      known: true,
    });
  }
  expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
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
