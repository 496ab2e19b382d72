import { join } from 'node:path';
import ts from 'typescript';

/**
 * What Grafana publishes of its dashboards and time series panels. Its enumerations are those of their values here, as a file has them.
 * It publishes nothing of what a panel asks Prometheus: `expressions.ts` says that.
 */
const TYPES = `
import type { Dashboard, Panel } from '@grafana/schema';
import type {
  FieldConfig, Options,
} from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
type AsWritten<T> = T extends string ? \`\${T}\` : T extends object ? { [Key in keyof T]: AsWritten<T[Key]> } : T;
interface TimeSeriesPanel extends Omit<Panel<Options, FieldConfig>, 'type' | 'options'> {
  type: 'timeseries';
  options: Options;
}
interface OurDashboard extends Omit<Dashboard, 'panels'> {
  panels: TimeSeriesPanel[];
}
export const dashboard: AsWritten<OurDashboard> = `;

const ROOT = join(__dirname, '..', '..');
const FILE = join(ROOT, 'dashboard.check.ts');
const OPTIONS: ts.CompilerOptions = {
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  types: [],
  lib: ['lib.es2023.d.ts'],
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.Node16,
  moduleResolution: ts.ModuleResolutionKind.Node16,
};

/** Checks dashboards, as JSON, by Grafana's own types: what is wrong with each, in the compiler's words. Files are read once. */
export function createDashboardCheck(): (json: string) => string[] {
  const host = ts.createCompilerHost(OPTIONS);
  const files = new Map<string, ts.SourceFile | undefined>();
  const read = host.getSourceFile.bind(host);
  let last: ts.Program | undefined;
  return (json) => {
    host.getSourceFile = (name, version) => {
      if (name === FILE) return ts.createSourceFile(name, `${TYPES}${json};`, version);
      if (!files.has(name)) files.set(name, read(name, version));
      return files.get(name);
    };
    last = ts.createProgram({
      rootNames: [FILE],
      options: OPTIONS,
      host,
      ...(last ? { oldProgram: last } : {}),
    });
    return ts
      .getPreEmitDiagnostics(last)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
  };
}
