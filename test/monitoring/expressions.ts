import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { ALERT_SEVERITIES } from '../../domain/stock/alerts/types';

export const DEPLOY = join(__dirname, '..', '..', 'deploy');

/**
 * What our dashboards have in common, narrower than what Grafana takes (`grafana-types.ts`): one kind of panel, one kind of source. A member
 * that is not known is refused.
 */
const datasource = z.strictObject({ type: z.literal('prometheus'), uid: z.literal('${datasource}') });
const panel = z.strictObject({
  id: z.int().positive(),
  type: z.literal('timeseries'),
  title: z.string().min(1),
  description: z.string(),
  datasource,
  gridPos: z.strictObject({
    h: z.int().min(1),
    w: z.int().min(1).max(24),
    x: z.int().min(0).max(23),
    y: z.int().min(0),
  }),
  fieldConfig: z.strictObject({
    // Of https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats/categories.ts
    defaults: z.strictObject({
      unit: z.enum(['reqps', 's', 'short', 'ops', 'percentunit', 'bytes']),
      min: z.literal(0),
    }),
    overrides: z.tuple([]),
  }),
  options: z.strictObject({
    legend: z.strictObject({
      calcs: z.tuple([]),
      displayMode: z.enum(['list', 'table', 'hidden']),
      placement: z.enum(['bottom', 'right']),
      showLegend: z.boolean(),
    }),
    tooltip: z.strictObject({
      mode: z.enum(['single', 'multi', 'none']),
      sort: z.enum(['asc', 'desc', 'none']),
    }),
  }),
  targets: z
    .array(
      z.strictObject({
        refId: z.string().regex(/^[A-Z]$/),
        datasource,
        expr: z.string().min(1),
        legendFormat: z.string().min(1),
        range: z.literal(true),
      }),
    )
    .min(1),
});
const dashboardSchema = z.strictObject({
  uid: z.string().regex(/^[a-z-]{1,40}$/),
  title: z.string().min(1),
  tags: z.array(z.string()),
  timezone: z.enum(['browser', 'utc']),
  schemaVersion: z.literal(39),
  version: z.int(),
  editable: z.boolean(),
  refresh: z.string().regex(/^\d+[sm]$/),
  time: z.strictObject({ from: z.string(), to: z.string() }),
  templating: z.strictObject({
    list: z.array(
      z.strictObject({
        name: z.literal('datasource'),
        label: z.string(),
        type: z.literal('datasource'),
        query: z.literal('prometheus'),
        hide: z.literal(0),
      }),
    ),
  }),
  annotations: z.strictObject({ list: z.tuple([]) }),
  panels: z.array(panel).min(1),
});

const ruleFileSchema = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^Holdfast[A-Za-z]+$/),
          expr: z.string(),
          for: z.string().regex(/^\d+[smh]$/),
          labels: z.strictObject({ severity: z.enum(ALERT_SEVERITIES) }),
          annotations: z.strictObject({ summary: z.string().min(1), runbook_url: z.string() }),
        }),
      ),
    }),
  ),
});

const DASHBOARDS = join(DEPLOY, 'grafana', 'dashboards');

export function dashboardTexts(): string[] {
  return readdirSync(DASHBOARDS)
    .sort()
    .map((name) => readFileSync(join(DASHBOARDS, name), 'utf8'));
}

export function readDashboards(): z.infer<typeof dashboardSchema>[] {
  return dashboardTexts().map((text) => dashboardSchema.parse(JSON.parse(text)));
}

export function readAlerts(): z.infer<typeof ruleFileSchema>['groups'][number]['rules'] {
  const file = ruleFileSchema.parse(parse(readFileSync(join(DEPLOY, 'prometheus', 'rules.yml'), 'utf8')));
  return file.groups.flatMap(({ rules }) => rules);
}

const COMPARISON = /^(.+) [<>] [\d.]+$/s;

/**
 * What an alert compares with its number: while all is well the comparison has no value, and what is compared has.
 *
 * @throws Error for an alert that is no such comparison
 */
export function comparedBy({ alert, expr }: { alert: string; expr: string }): string {
  const [, compared] = COMPARISON.exec(expr) ?? [];
  if (compared === undefined) throw new Error(`${alert} does not compare one expression with one number`);
  return compared;
}

/** Everything that is to have a value, by where it is. */
export function expressions(): { where: string; expression: string }[] {
  return [
    ...readDashboards().flatMap(({ title, panels }) =>
      panels.flatMap((each) =>
        each.targets.map(({ refId, expr }) => ({
          where: `${title}, ${each.title}, ${refId}`,
          expression: expr,
        })),
      ),
    ),
    ...readAlerts().map((rule) => ({ where: rule.alert, expression: comparedBy(rule) })),
  ];
}

/** Whether an expression looks at a series with these labels. */
export function selects(expr: string, metric: string, labels: Readonly<Record<string, string>>): boolean {
  const selectors = expr.matchAll(new RegExp(`\\b${metric}\\b(?:\\{([^}]*)\\})?`, 'g'));
  return [...selectors].some(([, matchers = '']) =>
    [...matchers.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)].every(
      ([, label = '', operator = '', value = '']) => {
        const is = labels[label] ?? '';
        const equal = operator.endsWith('~') ? new RegExp(`^(?:${value})$`).test(is) : is === value;
        return operator.startsWith('!') ? !equal : equal;
      },
    ),
  );
}
