/** A node of a plan, as `explain (analyze, format json)` has it. */
export interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Index Recheck'?: number;
  Plans?: PlanNode[];
}

/** What a statement read. */
export interface Reads {
  /** As PostgreSQL measured it. */
  milliseconds: number;
  /** Of 8 kB, each as often as it was read. */
  pages: number;
  /** Of tables, also those that were left out again. */
  rows: number;
  /** By what it read most of them. */
  by: string;
}

export const NOTHING_READ: Reads = { milliseconds: 0, pages: 0, rows: 0, by: '' };

export interface JsonPlan {
  Plan: PlanNode & { 'Shared Hit Blocks': number; 'Shared Read Blocks': number };
  'Execution Time': number;
}

export function readsOf(plan: JsonPlan): Reads {
  const readers = nodesOf(plan.Plan).filter((node) => node['Relation Name'] !== undefined);
  const most = readers.reduce<PlanNode | undefined>(
    (found, node) => (found === undefined || rowsOf(node) > rowsOf(found) ? node : found),
    undefined,
  );
  return {
    milliseconds: plan['Execution Time'],
    pages: plan.Plan['Shared Hit Blocks'] + plan.Plan['Shared Read Blocks'],
    rows: readers.reduce((sum, node) => sum + rowsOf(node), 0),
    by: most === undefined ? '' : wayOf(most),
  };
}

/** Of several statements that one call sends. */
export function added(a: Reads, b: Reads): Reads {
  return {
    milliseconds: a.milliseconds + b.milliseconds,
    pages: a.pages + b.pages,
    rows: a.rows + b.rows,
    by: a.rows > b.rows || b.by === '' ? a.by : b.by,
  };
}

/** A node and all below it. */
export function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

/** Rows that a node looked at, also those that it left out again, in all its loops. */
export function rowsOf(node: PlanNode): number {
  const each =
    node['Actual Rows'] +
    (node['Rows Removed by Filter'] ?? 0) +
    (node['Rows Removed by Index Recheck'] ?? 0);
  return Math.round(node['Actual Loops'] * each);
}

function wayOf(node: PlanNode): string {
  const index =
    node['Index Name'] ?? node.Plans?.find((below) => below['Index Name'] !== undefined)?.['Index Name'];
  if (index !== undefined) return `\`${index}\``;
  const isWhole = node['Node Type'].includes('Seq Scan');
  return `${isWhole ? 'all of ' : ''}\`${node['Relation Name'] ?? ''}\``;
}
